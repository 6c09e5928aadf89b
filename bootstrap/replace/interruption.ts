import { quoteName } from '../../dialect/index.js'
import type { Deployment, LedgerEntry, Live, ObjectKey, Operation } from '../model.js'
import type { Verdict } from '../plan/verdict.js'
import type { CarriedOver } from './carry_over.js'
import { isAbout, isOpen, isSwitched, type RebuildNote, wasName } from './note.js'
import type { CleanupTask, Reader } from './task.js'

/**
 * The target as it is once a rebuild that was interrupted has been dealt with: views that were dropped for the switch are
 * there again, and where the names had been exchanged, the new definitions are what was applied.
 */
export function afterSwitch(given: Live): Live {
  const { rebuild } = given
  if (!rebuild || !isOpen(rebuild)) return given
  const live = withReaders(given, rebuild)
  if (!isSwitched(rebuild, live.relations)) return live
  const ledger = new Map(live.ledger)
  for (const { key, name, kind, hash, sql, secretsHash } of rebuild.members) {
    const there = live.objects.get(key)
    const entry: LedgerEntry = {
      key,
      name,
      kind,
      action: 'create',
      sqlHash: hash,
      shownHash: there?.shownHash ?? '',
      sql,
      secretsHash,
      shown: '',
      deployment: ledger.get(key)?.deployment ?? '',
      appliedAt: ledger.get(key)?.appliedAt ?? 0,
    }
    ledger.set(key, entry)
  }
  return { ...live, ledger }
}

/** Those that are there may have been made without having been written down yet. */
function withReaders(live: Live, { readers }: RebuildNote): Live {
  const objects = new Map(live.objects)
  const ledger = new Map(live.ledger)
  for (const { view } of readers) {
    const entry = ledger.get(view)
    const there = objects.get(view)
    if (!entry) continue
    const { key, name, kind, shown, shownHash } = entry
    if (there) ledger.set(key, { ...entry, shown: '', shownHash: there.shownHash })
    else objects.set(key, { key, name, kind, shown, shownHash })
  }
  return { ...live, objects, ledger }
}

export interface Cleanup {
  /** Before anything else. */
  first: CleanupTask[]
  notices: string[]
}

/** What is left of earlier rebuilds, seen from what is to be done now. Pure. */
export function cleanup(
  deployment: Deployment,
  live: Live,
  { task: next, scans }: CarriedOver,
  dropped: ReadonlySet<string>,
  now: number,
): Cleanup {
  const note = live.rebuild
  if (!note) return { first: [], notices: [] }
  const readers = deployment.objects
    .filter(({ name }) => note.readers.some(({ view }) => view === name))
    .map(
      (object): Reader => ({
        object,
        copied: [],
        sources: (scans.get(object.key) ?? []).map(({ name }) => name),
      }),
    )
  const task = (kind: CleanupTask['task']): CleanupTask => ({ task: kind, note, readers })
  const names = note.members.map(({ name }) => name).join(', ')
  const inTheWay = (next !== undefined && !next.back) || note.reads.some((name) => dropped.has(name))
  if (isSwitched(note, live.relations))
    return {
      first: [task('finish'), ...(inTheWay ? [task('sweep')] : [])],
      notices: [
        `An apply stopped right after new versions of ${names} took over: what is left of it is done first.`,
      ],
    }
  if (isOpen(note)) {
    const goesOn =
      next !== undefined &&
      isAbout(
        note,
        next.members.map(({ object }) => object),
      )
    return goesOn
      ? { first: [], notices: [`An apply stopped while it made new versions of ${names}: it goes on there.`] }
      : {
          first: [task('abandon')],
          notices: [
            `An apply stopped while it made new versions of ${names}: they are not wanted any more and dropped.`,
          ],
        }
  }
  if (note.phase === 'kept' && (inTheWay || note.keptUntil <= now))
    return { first: [task('sweep')], notices: [] }
  return { first: [], notices: [] }
}

/** Views that an interrupted apply left standing still run again, unless they are handed over now. */
export function wake(live: Live, verdicts: Map<ObjectKey, Verdict>): string[] {
  const notices: string[] = []
  for (const note of live.handovers.values()) {
    const verdict = verdicts.get(note.view)
    if (!isOpen(note) || !verdict) continue
    if (!live.objects.has(note.view)) {
      notices.push(
        note.runs
          ? `An apply stopped after it had dropped ${note.view}: the new one reads its sources again.`
          : `An apply stopped after it had dropped ${note.view}: the new one goes on where that one stopped.`,
      )
      continue
    }
    if (note.runs) {
      notices.push(`An apply stopped before it had dropped ${note.view}.`)
      // The note is no longer true for whatever comes next.
      if (verdict.action === 'unchanged')
        verdicts.set(note.view, {
          ...verdict,
          action: 'create',
          how: 'in_place',
          reason: 'is as it was before an apply that was interrupted',
          record: true,
        })
      continue
    }
    notices.push(`An apply stopped after it had paused ${note.view}.`)
    if (verdict.action === 'replace' && !verdict.statements) continue
    const resume = `SYSTEM RESUME MATERIALIZED VIEW ${quoteName(note.view)} PERMANENT`
    verdicts.set(note.view, {
      ...verdict,
      ...(verdict.action === 'unchanged' || verdict.record
        ? {
            action: 'alter',
            how: 'in_place',
            reason: 'an apply that was interrupted had paused it',
            record: false,
          }
        : {}),
      statements: [...(verdict.statements ?? []), resume],
    })
  }
  return notices
}

/** A cleanup as a step of the plan. */
export function cleanupOperation(task: CleanupTask): Operation {
  const first = task.note.members[0]!
  const { key, name, kind } = task.note.members.find((member) => member.kind === 'materialized_view') ?? first
  return { key, name, kind, type: 'replace', statements: [], task }
}

/** What earlier applies left in the target, for people who look at it. */
export function leftovers({
  rebuild,
  handovers,
  asides,
  deployment,
  relations,
}: Pick<Live, 'rebuild' | 'handovers' | 'asides' | 'deployment' | 'relations'>): string[] {
  const said: string[] = []
  const onwards = '`tpctl bootstrap` goes on with it, `tpctl rollback` undoes it.'
  if (deployment?.phase === 'running') said.push(`The last apply did not come to its end: ${onwards}`)
  for (const note of handovers.values())
    if (isOpen(note))
      said.push(
        relations.has(note.view)
          ? `${note.view} is ${note.runs ? 'to be dropped and made anew' : 'paused, to be handed over'}.`
          : `${note.view} was dropped, and the view that goes on ${note.runs ? 'in its place' : 'where it stopped'} is not there yet.`,
      )
  for (const note of asides.values())
    if (isOpen(note) && relations.has(wasName(note.stream)))
      said.push(`Rows of ${note.stream} are in ${wasName(note.stream)}, to be copied back.`)
  if (!rebuild) return said
  const names = rebuild.members.map(({ name }) => name).join(', ')
  if (isSwitched(rebuild, relations))
    said.push(`New versions of ${names} took over, and are not settled yet.`)
  else if (isOpen(rebuild)) said.push(`New versions of ${names} are being made beside the old ones.`)
  else if (rebuild.phase === 'kept')
    said.push(
      `Former versions of ${names} are kept for \`tpctl rollback\` until ${new Date(rebuild.keptUntil).toISOString()}.`,
    )
  return said
}
