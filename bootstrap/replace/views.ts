import { quoteName } from '../../dialect/index.js'
import { run, type Site, waitFor } from '../site.js'
import { abilitiesOf } from './abilities.js'
import type { Positions } from './note.js'
import { loggedPositions } from './state_log.js'

/** How a materialized view does, as the engine tells it. */
export interface ViewState {
  name: string
  state: string
  /** Rows of its sources that it has not read yet. */
  lag: number
  lastError: string
  sources: { name: string; processed: number; available: number; seek?: string }[]
}

export async function viewStates({ client, options }: Site): Promise<Map<string, ViewState>> {
  const rows = await client.rows<{
    name: string
    state: string
    lag: string | number
    last_error: string
    sources: string
  }>(
    'SELECT name, state, lag, last_error, sources FROM system.materialized_views WHERE database = current_database()',
    { signal: options.signal },
  )
  return new Map(
    rows.map(({ name, state, lag, last_error, sources }) => [
      name,
      { name, state, lag: Number(lag), lastError: last_error, sources: JSON.parse(sources) },
    ]),
  )
}

/** Stops a view at the end of a batch; it stays so over a restart of the engine. */
export async function pause(site: Site, view: string): Promise<void> {
  await run(site, `SYSTEM PAUSE MATERIALIZED VIEW ${quoteName(view)} PERMANENT`)
}

/** It stays so over a restart too, as the pause would have. */
export async function resume(site: Site, view: string): Promise<void> {
  await run(site, `SYSTEM RESUME MATERIALIZED VIEW ${quoteName(view)} PERMANENT`)
}

/**
 * Where a paused view stands in its sources, ready for `seek_to`. A view in the middle of the current rows of a
 * keyed source has no such place, and one that reads a source twice has one only where both are as far: it is let go
 * on until it has.
 */
export async function positionsOf(site: Site, view: string, sources: string[]): Promise<Positions> {
  if (abilitiesOf(site.edition).positions === 'by log') return loggedPositions(site, view, sources)
  let attempts = 0
  return waitFor(
    site,
    `${view} to tell where it stopped`,
    async () => {
      const found = (await viewStates(site)).get(view)
      if (found?.state !== 'paused') return undefined
      const positions = placesOf(found)
      if (positions) return positions
      if (++attempts % 5 === 0) {
        await resume(site, view)
        await pause(site, view)
      }
      return undefined
    },
    120_000,
  )
}

function placesOf({ sources }: ViewState): Positions | undefined {
  const positions: Positions = {}
  for (const { name, seek } of sources) {
    if (seek === undefined || (positions[name] ?? seek) !== seek) return undefined
    positions[name] = seek
  }
  return sources.length > 0 ? positions : undefined
}
