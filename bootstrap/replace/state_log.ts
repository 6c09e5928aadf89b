import { UserError } from '../../dialect/index.js'
import { ProtonError, quoteString } from '../../driver/index.js'
import type { Site } from '../site.js'
import { until } from '../until.js'
import type { Positions } from './note.js'

/** What servers log about their views every five seconds: the name since version 3, and the one before. */
const LOGS = ['system.introspection_state_log', 'system.stream_state_log']
/** Several rounds of the log. */
const PATIENCE_MS = 60_000
const UNKNOWN_STREAM = 60

interface LoggedState {
  state_name: string
  /** The source, and behind it the number of the shard or partition where there are several. */
  dimension: string
  state_value: string | number
  state_string_value: string
}

/**
 * Where a paused view stands in its source, from what the server logged of it since then: a pause makes a checkpoint,
 * so that the last row that was processed and the last row in the checkpoint are the same.
 * @throws UserError REPLACE_POSITION where the log does not tell
 */
export async function loggedPositions(site: Site, view: string, sources: string[]): Promise<Positions> {
  const { client, options } = site
  const [row] = await client.rows<{ now: string }>('SELECT to_string(now64(3)) AS now', {
    signal: options.signal,
  })
  const paused = String(row!.now)
  try {
    return await until(async () => positionsIn(await statesOf(site, view, paused), sources), {
      what: `the server to log where ${view} stopped`,
      signal: options.signal,
      timeoutMs: options.logPatienceMs ?? PATIENCE_MS,
    })
  } catch (cause) {
    options.signal?.throwIfAborted()
    if (!(cause instanceof UserError)) throw cause
    throw new UserError('REPLACE_POSITION', `The server does not log where ${view} stopped.`, {
      detail:
        'The view runs on as before. The log has to show processed_sn and ckpt_sn of each shard of its source, and both alike.',
      suggestion:
        'Give the user SELECT on it; or write -- @replace restart into the file, and lose the rows of the moment.',
      cause,
    })
  }
}

async function statesOf({ client, options }: Site, view: string, since: string): Promise<LoggedState[]> {
  for (const log of LOGS) {
    try {
      return await client.rows<LoggedState>(
        'SELECT state_name, dimension, arg_max(state_value, _tp_time) AS state_value, ' +
          `arg_max(state_string_value, _tp_time) AS state_string_value FROM table(${log}) ` +
          `WHERE database = current_database() AND name = ${quoteString(view)} AND _tp_time > ${quoteString(since)} ` +
          "AND state_name IN ('status', 'processed_sn', 'ckpt_sn') GROUP BY state_name, dimension",
        { signal: options.signal },
      )
    } catch (error) {
      if (!(error instanceof ProtonError) || error.code !== UNKNOWN_STREAM) throw error
    }
  }
  return []
}

/** Undefined as long as the log does not tell all of it. Pure. */
export function positionsIn(states: LoggedState[], sources: string[]): Positions | undefined {
  const status = states.find(({ state_name }) => state_name === 'status')
  if (status?.state_string_value !== 'Paused') return undefined
  const positions: Positions = {}
  for (const source of sources) {
    const processed = numbersOf(states, 'processed_sn', source)
    const saved = numbersOf(states, 'ckpt_sn', source)
    if (!processed || !saved || String(processed) !== String(saved)) return undefined
    positions[source] = processed.map((sn) => String(sn + 1n)).join(',')
  }
  return positions
}

/** By shard, none left out. A zero is the first row as well as none at all: it tells nothing. */
function numbersOf(states: LoggedState[], name: string, source: string): bigint[] | undefined {
  const numbers = new Map<number, bigint>()
  for (const { state_name, dimension, state_value } of states) {
    const shard = state_name === name ? shardIn(dimension, source) : undefined
    if (shard !== undefined) numbers.set(shard, BigInt(state_value))
  }
  const list = Array.from({ length: numbers.size }, (_, shard) => numbers.get(shard) ?? 0n)
  return list.length > 0 && list.every((number) => number > 0n) ? list : undefined
}

/** `clicks`, `default.clicks`, and `clicks-2` for the third shard. */
function shardIn(dimension: string, source: string): number | undefined {
  const name = source.replaceAll(/\W/g, '\\$&')
  const found = new RegExp(`^(?:\\w+\\.)?${name}(?:[^\\w]+(\\d+)\\W*)?$`).exec(dimension.replaceAll('`', ''))
  return found ? Number(found[1] ?? 0) : undefined
}
