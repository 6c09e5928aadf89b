import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UserError } from '../../dialect/user_error.js'

export interface Reject {
  line: number
  reason: string
  /** The beginning of the record as it stood in the source. */
  raw: string
}

/** Writes refused records as one JSON object a line. The file is made with the first of them. */
export class RejectsFile {
  readonly #path: string | undefined
  #file: FileHandle | undefined
  #pending: string[] = []
  count = 0

  constructor(path: string | undefined) {
    this.#path = path
  }

  async add(reject: Reject): Promise<void> {
    this.count++
    await this.note(reject)
  }

  /** Writes down what is not counted as refused. */
  async note(reject: Reject): Promise<void> {
    if (this.#path === undefined) return
    this.#pending.push(`${JSON.stringify({ ...reject, raw: reject.raw.slice(0, 500) })}\n`)
    if (this.#pending.length >= 500) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#path === undefined || this.#pending.length === 0) return
    try {
      if (!this.#file) {
        await mkdir(dirname(this.#path), { recursive: true })
        this.#file = await open(this.#path, 'w')
      }
      await this.#file.write(this.#pending.join(''))
    } catch (cause) {
      throw new UserError(
        'REJECTS_NOT_WRITABLE',
        `The file of rejected records cannot be written: ${this.#path}`,
        {
          detail: (cause as Error).message,
          suggestion: 'Free some space or name another file.',
          cause,
        },
      )
    }
    this.#pending = []
  }

  async close(): Promise<void> {
    await this.flush()
    await this.#file?.close()
    this.#file = undefined
  }
}
