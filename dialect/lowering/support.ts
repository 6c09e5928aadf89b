import { EDITIONS, type Edition } from '../editions.js'
import { UserError } from '../user_error.js'

/** Something that lowering changed or left out. `code` is stable. */
export interface LoweringNote {
  code: string
  message: string
}

export const EDITION_NAMES: Record<Edition, string> = {
  embedded: 'the embedded engine',
  'oss-1.6': 'Proton 1.6',
  'oss-3': 'Proton 3.x',
  enterprise: 'Timeplus Enterprise',
}

/** Where a statement is lowered to, and what is told about it. */
export class Lowering {
  readonly notes: LoweringNote[] = []

  constructor(readonly edition: Edition) {}

  get is16(): boolean {
    return this.edition === 'oss-1.6'
  }

  get hasMutableStreams(): boolean {
    return this.edition === 'embedded' || this.edition === 'enterprise'
  }

  note(code: string, message: string): void {
    if (!this.notes.some((n) => n.code === code && n.message === message)) this.notes.push({ code, message })
  }

  /** The edition cannot do this; `instead` says what comes nearest. */
  refuse(what: string, instead: string): never {
    const others = EDITIONS.filter((e) => e !== this.edition && e !== 'oss-1.6').map((e) => EDITION_NAMES[e])
    throw new UserError('EDITION_UNSUPPORTED', `${capital(EDITION_NAMES[this.edition])} has no ${what}`, {
      suggestion: `${instead} (other targets: ${others.join(', ')})`,
    })
  }
}

const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1)
