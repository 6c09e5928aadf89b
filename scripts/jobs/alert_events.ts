import {
  type Edition,
  type Expr,
  parseExpression,
  printQuery,
  type Select,
  UserError,
} from '../../dialect/index.js'
import { type ProtonClient, quoteStream, quoteString } from '../../driver/index.js'

/**
 * A place in a stream. Rows that were inserted together may bear one sequence number: `taken` of those with number
 * `sn` lie before the place, and all with lower numbers.
 */
export interface Position {
  sn: number
  taken: number
}

/** A row that the alert's query gave. */
export interface AlertEvent {
  /** The place behind it. */
  after: Position
  /** In the order of the query's columns, as JSON has them. */
  values: unknown[]
}

/** What arrived together. */
export interface Portion {
  events: AlertEvent[]
  /** The place behind everything that was read: also behind rows that are no events, where that is known. */
  passed: Position
}

/** The end of a stream: the number of its last row, and how many rows bear it. */
export interface StreamEnd {
  sn: number
  rows: number
}

export interface Subscription {
  client: ProtonClient
  query: Select
  edition: Edition
  from: Position
  /** End when all that lay before this was read; without it, never. */
  upTo?: StreamEnd
  /** Silence after which a connection may as well be dead: it then fails with TIMEOUT. */
  idleMs?: number
  signal: AbortSignal
}

const SN = '__tpctl_sn'
const IS_EVENT = '__tpctl_event'

/** What the stream holds now; undefined where it holds nothing. */
export async function endOf(client: ProtonClient, stream: string): Promise<StreamEnd | undefined> {
  const from = `table(${quoted(stream)})`
  const [row] = await client.rows<{ sn: string; rows: string }>(
    `SELECT max(_tp_sn) AS sn, count() AS rows FROM ${from} WHERE _tp_sn = (SELECT max(_tp_sn) FROM ${from})`,
  )
  return row && Number(row.rows) > 0 ? { sn: Number(row.sn), rows: Number(row.rows) } : undefined
}

/** Tells a stream from another one that had its name before; empty where the target does not say. */
export async function identityOf(client: ProtonClient, stream: string): Promise<string> {
  const [database, name] = stream.includes('.') ? stream.split('.') : [undefined, stream]
  const inDatabase = database === undefined ? 'current_database()' : quoteString(database)
  const [row] = await client.rows<{ uuid: string }>(
    `SELECT to_string(uuid) AS uuid FROM system.tables WHERE database = ${inDatabase} AND name = ${quoteString(name!)}`,
  )
  return row?.uuid ?? ''
}

/** The events from a place on, in portions as they arrive. */
export async function* alertEvents(subscription: Subscription): AsyncGenerator<Portion> {
  const { client, query, edition, from, upTo, idleMs, signal } = subscription
  if (upTo && isBehind(from, upTo)) return
  const result = await client.query(subscriptionText(query, edition, from, upTo), {
    mode: 'stream',
    signal,
    timeoutMs: idleMs,
    // Times of all zones in one spelling.
    settings: { date_time_output_format: 'iso', output_format_json_quote_denormals: true },
  })
  let names: string[] | undefined
  let sn = from.sn
  let nth = 0
  let atEnd = 0
  for await (const rows of result.batches) {
    names ??= eventColumns((await result.columns).map(({ name }) => name))
    const events: AlertEvent[] = []
    for (const row of rows) {
      const own = Number(row[SN])
      if (upTo && own >= upTo.sn) atEnd = own > upTo.sn ? upTo.rows : atEnd + 1
      if (own !== sn) {
        sn = own
        nth = 0
      }
      if (upTo && !truth(row[IS_EVENT])) continue
      nth++
      if (own === from.sn && nth <= from.taken) continue
      events.push({ after: { sn, taken: nth }, values: names.map((name) => row[name]) })
    }
    yield { events, passed: { sn, taken: nth } }
    if (upTo && atEnd >= upTo.rows) return
  }
}

/** @throws UserError ALERT_COLUMNS */
function eventColumns(all: string[]): string[] {
  const names = all.filter((name) => name !== SN && name !== IS_EVENT)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice === undefined) return names
  throw new UserError('ALERT_COLUMNS', `The query of the alert gives column ${twice} twice.`, {
    suggestion: 'Give one of them another name with AS.',
  })
}

/** Whether everything before `end` was read already. */
function isBehind(from: Position, end: StreamEnd): boolean {
  return from.sn > end.sn
}

/**
 * The alert's query with what it needs to be gone on with. `upTo`: rows at the end come too, marked as no events, since
 * a condition would hide that it was reached.
 */
export function subscriptionText(query: Select, edition: Edition, from: Position, upTo?: StreamEnd): string {
  const begin = from.sn === 0 && from.taken === 0 ? 'earliest' : String(from.sn)
  const { where } = query
  const isEvent: Expr = where ?? { kind: 'literal', type: 'bool', value: true }
  // The sum keeps engines from taking the comparison for a place to begin at.
  const atEnd = upTo && parseExpression(`_tp_sn + 0 >= ${upTo.sn}`)
  return printQuery(
    {
      ...query,
      columns: [
        ...query.columns,
        { kind: 'alias', expr: { kind: 'column', path: ['_tp_sn'] }, name: SN },
        ...(upTo ? [{ kind: 'alias' as const, expr: isEvent, name: IS_EVENT }] : []),
      ],
      ...(where && atEnd ? { where: { kind: 'binary', op: 'or', left: where, right: atEnd } } : {}),
      settings: [
        ...(query.settings ?? []).filter(({ name }) => name !== 'seek_to'),
        { name: 'seek_to', value: { kind: 'literal', type: 'string', value: begin } },
        // The log has the rows in the order of their numbers; the historical store has not.
        {
          name: 'enable_backfill_from_historical_store',
          value: { kind: 'literal', type: 'bool', value: false },
        },
      ],
    },
    { edition },
  )
}

function truth(value: unknown): boolean {
  return value === true || value === 1
}

function quoted(stream: string): string {
  const [database, name] = stream.split('.')
  return name === undefined ? quoteStream(stream) : quoteStream({ database: database!, name })
}
