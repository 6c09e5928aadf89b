import { UserError } from '../../dialect/index.js'
import type { CompiledObject } from '../model.js'
import { run, type Site } from '../site.js'
import { statementText } from '../statements.js'
import { seekOn } from './next_version.js'
import type { HandoverNote, Positions } from './note.js'
import { pause, positionsOf, resume } from './views.js'

/** Stops a view that is about to be dropped, and writes down where in its sources, so that another one goes on there. */
export async function stopView(site: Site, view: string, sources: string[]): Promise<void> {
  const note: HandoverNote = { what: 'handover', phase: 'stopping', view, positions: {} }
  await site.ledger.note(note, site.deployment)
  await pause(site, view)
  const positions = await positionsOf(site, view, sources).catch(async (error) => {
    if (!(error instanceof UserError) || error.code !== 'REPLACE_POSITION') throw error
    await resume(site, view)
    await site.ledger.note({ ...note, phase: 'done' }, site.deployment)
    throw error
  })
  await site.ledger.note({ ...note, phase: 'stopped', positions }, site.deployment)
}

/** Writes down that the view that comes instead of this one reads everything again, also after an interruption. */
export async function noteOverwrite(site: Site, view: string, sources: string[]): Promise<void> {
  const positions = Object.fromEntries(sources.map((name) => [name, 'earliest']))
  await site.ledger.note({ what: 'handover', phase: 'stopped', view, positions, runs: true }, site.deployment)
}

/** Makes the view that goes on where the one stopped that had its name. `sources`: in which it has a place. */
export async function startView(site: Site, object: CompiledObject, sources: string[]): Promise<void> {
  const note = site.ledger.handover(object.name)
  const positions = note?.phase === 'stopped' ? note.positions : {}
  await run(site, startingAt(site, object, positions, sources))
}

/** The handover is over: the view is there, and runs. */
export async function endHandover(site: Site, view: string): Promise<void> {
  const note = site.ledger.handover(view)
  if (note && note.phase !== 'done') await site.ledger.note({ ...note, phase: 'done' }, site.deployment)
}

/** The text that creates a view at given positions. */
export function startingAt(
  { edition }: Site,
  { statement, sql }: CompiledObject,
  positions: Positions,
  sources: string[],
): string {
  const known = Object.entries(positions).filter(([name]) => sources.includes(name))
  if (statement.kind !== 'create_materialized_view' || known.length === 0) return sql
  return statementText(
    { ...statement, query: seekOn(edition, statement.query, Object.fromEntries(known)) },
    edition,
  )
}
