import { setTimeout as sleep } from 'node:timers/promises'
import { quoteName } from '../../dialect/index.js'
import { listRelations } from '../live.js'
import { run, type Site } from '../site.js'
import { dropStatement } from '../statements.js'
import { copyRows } from './copy.js'
import { sharedColumns } from './finish.js'
import { type AsideNote, isOpen, wasName } from './note.js'

/** Servers show rows to `table()` some seconds after they have taken them. */
const SETTLE_MS = 3_000

/**
 * Gives a stream another name, so that a new one can have its own. Nothing may use it: the views that did are dropped
 * by then.
 */
export async function moveAside(site: Site, stream: string): Promise<void> {
  // The rows that an interrupted apply left aside come first.
  await copyBack(site, stream)
  const note: AsideNote = { what: 'aside', phase: 'moving', stream, copied: 0 }
  await site.ledger.note(note, site.deployment)
  await run(site, `RENAME STREAM ${quoteName(stream)} TO ${quoteName(wasName(stream))}`)
}

/** Copies the rows that were moved aside into the new stream, until no more turn up, and drops the old one. May be repeated. */
export async function copyBack(site: Site, stream: string): Promise<void> {
  const note = site.ledger.content.asides.get(stream)
  if (!note || !isOpen(note)) return
  const from = wasName(stream)
  if ((await listRelations(site.client, site.options.signal)).has(from)) {
    const copy = { from, to: stream, columns: await sharedColumns(site, from, stream) }
    for (let before = -1; before !== note.copied; ) {
      if (before >= 0)
        await sleep(site.options.settleMs ?? SETTLE_MS, undefined, { signal: site.options.signal })
      before = note.copied
      await copyRows(site, copy, note.copied, async (done, total) => {
        note.copied = done
        await site.ledger.note({ ...note }, site.deployment)
        site.onEvent({ type: 'progress', name: stream, what: 'rows copied back', done, total })
      })
    }
    await run(site, dropStatement('stream', from))
  }
  await site.ledger.note({ ...note, phase: 'done' }, site.deployment)
}
