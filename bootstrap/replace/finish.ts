import { listRelations } from '../live.js'
import { definitionOf, entryOf, recordShown, run, type Site } from '../site.js'
import { dropStatement, parsedEntry, statementText } from '../statements.js'
import { copyRows } from './copy.js'
import { startingAt } from './handover.js'
import { seekOn } from './next_version.js'
import { type NotedMember, nextName, type Positions, type RebuildNote, wasName } from './note.js'
import type { Reader } from './task.js'
import { pause, resume, viewStates } from './views.js'

const DAY_MS = 86_400_000

/** After the exchange of names: everything that stood still goes on, and the old versions stop. May be repeated. */
export async function finish(site: Site, note: RebuildNote, readers: Reader[]): Promise<void> {
  await drain(site, note)
  for (const view of await existing(site, standing(note))) await resume(site, view)
  await startReaders(site, note, readers, 'next')
  // Rows that were on their way into the old stream when the names were exchanged.
  await drain(site, note)
  for (const member of note.members) await record(site, member)
  const keepMs = site.options.keepMs ?? DAY_MS
  const kept: RebuildNote = { ...note, phase: 'kept', keptUntil: Date.now() + keepMs }
  for (const view of await existing(site, views(note).map(wasName))) await pause(site, view)
  await site.ledger.note(kept, site.deployment)
  if (keepMs === 0) await sweep(site, kept)
}

/** Drops the old versions. */
export async function sweep(site: Site, note: RebuildNote): Promise<void> {
  await dropAll(site, note.members, wasName)
  await site.ledger.note({ ...note, phase: 'done' }, site.deployment)
}

/** Before the exchange of names: drops the new versions; what stood still goes on with the old ones. May be repeated. */
export async function abandon(site: Site, note: RebuildNote): Promise<void> {
  await startReaders(site, note, [], 'old')
  for (const view of await existing(site, standing(note))) await resume(site, view)
  await dropAll(site, note.members, nextName)
  await site.ledger.note({ ...note, phase: 'abandoned' }, site.deployment)
}

/** Notes of earlier versions of tpctl name the writers only. */
function standing(note: RebuildNote & { writers?: string[] }): string[] {
  return note.standing ?? note.writers ?? []
}

async function drain(site: Site, note: RebuildNote): Promise<void> {
  const there = await listRelations(site.client, site.options.signal)
  for (const { name, copied } of note.members) {
    if (!copied || !there.has(wasName(name))) continue
    const columns = await sharedColumns(site, wasName(name), name)
    const copy = { from: wasName(name), to: name, columns }
    await copyRows(site, copy, note.copied[name] ?? 0, async (done) => {
      note.copied[name] = done
      await site.ledger.note(note, site.deployment)
    })
  }
}

/** What both have and can be written. */
export async function sharedColumns(site: Site, one: string, other: string): Promise<string[]> {
  const names = async (stream: string) => {
    const rows = await site.client.rows<{ name: string; default_type?: string }>(`DESCRIBE ${stream}`, {
      signal: site.options.signal,
    })
    return rows
      .filter(({ name, default_type }) => default_type !== 'ALIAS' && name !== '_tp_sn')
      .map(({ name }) => name)
  }
  const known = new Set(await names(one))
  return (await names(other)).filter((name) => known.has(name))
}

/** Views that were dropped for the switch, at the place where they stopped. */
async function startReaders(
  site: Site,
  note: RebuildNote,
  readers: Reader[],
  which: 'old' | 'next',
): Promise<void> {
  const there = await listRelations(site.client, site.options.signal)
  for (const stopped of note.readers) {
    const reader = readers.find(({ object }) => object.name === stopped.view)
    const isThere = there.has(stopped.view)
    if (isThere && which === 'old') await resume(site, stopped.view)
    if (reader) {
      const { object, sources } = reader
      if (!isThere) await run(site, startingAt(site, object, stopped[which], sources))
      await recordShown(site, { ...entryOf(site, object), ...definitionOf(object), action: 'create' })
    } else await startAsItWas(site, stopped.view, stopped[which], isThere)
  }
}

async function startAsItWas(site: Site, view: string, positions: Positions, isThere: boolean): Promise<void> {
  const entry = site.ledger.content.ledger.get(view)
  const statement = entry && parsedEntry(entry)?.statement
  if (!entry || statement?.kind !== 'create_materialized_view') return
  const query = seekOn(site.edition, statement.query, positions)
  if (!isThere) await run(site, statementText({ ...statement, query }, site.edition))
  await recordShown(site, { ...entry, deployment: site.deployment, action: 'create' })
}

async function record(site: Site, member: NotedMember): Promise<void> {
  const { hash, sql, secretsHash } = member
  await recordShown(site, { ...entryOf(site, member), sqlHash: hash, sql, secretsHash, action: 'create' })
}

function views({ members }: RebuildNote): string[] {
  return members.filter(({ kind }) => kind === 'materialized_view').map(({ name }) => name)
}

async function existing(site: Site, names: string[]): Promise<string[]> {
  const states = await viewStates(site)
  return names.filter((name) => states.has(name))
}

/** What reads goes before what is read. */
async function dropAll(site: Site, members: NotedMember[], nameOf: (name: string) => string): Promise<void> {
  for (const { name, kind } of [...members].reverse()) await run(site, dropStatement(kind, nameOf(name)))
}
