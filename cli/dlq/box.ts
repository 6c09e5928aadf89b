import { clientOptions } from '../../bootstrap/brokers.js'
import type { Target } from '../../bootstrap/target.js'
import { UserError } from '../../dialect/user_error.js'
import type { ProtonClient } from '../../driver/index.js'
import {
  type DeadLetter,
  dropLetters,
  type LetterFilter,
  type LetterSummary,
  type ReplayResult,
  readLetters,
  replayInto,
  replayToTopic,
  summarizeLetters,
} from '../../scripts/index.js'
import type { Context } from '../context.js'
import { openTarget } from '../target.js'
import { outsideBox } from './outside_box.js'

/** Where the dead letters of a target are. */
export interface LetterBox {
  summarize(filter: LetterFilter): Promise<LetterSummary[]>
  read(filter: LetterFilter, limit?: number): Promise<DeadLetter[]>
  drop(filter: LetterFilter): Promise<number>
  /** To where they were going. */
  replay(filter: LetterFilter): Promise<ReplayResult>
  replayInto(filter: LetterFilter, stream: string): Promise<ReplayResult>
}

/**
 * Opens the letters of the chosen target for `work`. The embedded engine keeps those of its external streams and views;
 * for Proton 1.6, which has none, the runner of alerts keeps its own.
 * @throws UserError DLQ_UNSUPPORTED
 */
export async function withLetters(context: Context, work: (box: LetterBox) => Promise<void>): Promise<void> {
  const { target, client } = await openTarget(context)
  try {
    await work(boxOf(context, target, client))
  } finally {
    await client.close()
  }
}

function boxOf(context: Context, target: Target, client: ProtonClient): LetterBox {
  switch (target.edition) {
    case 'embedded':
      return engineBox(target, client)
    case 'oss-1.6':
      context.output.note(
        'Proton 1.6 keeps no dead letters: here are those of `tpctl run-alerts`. Messages that its external streams cannot read are in its log alone.',
      )
      return outsideBox(context, target, client)
    default:
      throw new UserError(
        'DLQ_UNSUPPORTED',
        `Target ${target.name} (${target.edition}) keeps no dead letters of this kind.`,
        { suggestion: 'Set enable_dlq = true on the view and ask system.mat_view_dlq: npx tpctl sql.' },
      )
  }
}

function engineBox(target: Target, client: ProtonClient): LetterBox {
  return {
    summarize: (filter) => summarizeLetters(client, filter),
    read: (filter, limit) => readLetters(client, filter, limit),
    drop: (filter) => dropLetters(client, filter),
    replay: (filter) => replayToTopic(client, filter, clientOptions(target)),
    replayInto: (filter, stream) => replayInto(client, filter, stream),
  }
}
