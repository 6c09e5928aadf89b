import type { EngineEdition } from '../../../../engine/edition.js'

/** Why the embedded engine answers otherwise than the recorded server, on purpose. */
export interface Reason {
  /** Found in the body or the path of the request. */
  match: RegExp
  why: string
  /** Its effect would change later answers, which the recorded server gave without it: sent behind all others. */
  last?: true
  /** The only edition of the engine for which it holds. */
  only?: EngineEdition
  /** Whether the answers differ depends on the machine. */
  machine?: true
}

/** Not in the language of the recorded server. */
export const LATER = 'a statement of a later edition, which 1.6.1 does not know'
const REACHABLE = 'the recorded server never answered; here it works'

const REASONS: Reason[] = [
  { match: /^\/ping$/, why: 'clients of ClickHouse ask for it as a health check', only: 'embedded' },
  { match: /^\/proton\/info/, why: 'tells its own edition', only: 'embedded' },
  { match: /^\/proton\/info/, why: 'tells the memory of the machine', only: 'oss-1.6', machine: true },
  { match: /^create mutable stream|^show (?:create )?function|^system pause/, why: LATER, only: 'embedded' },
  { match: /^create (?:task|alert)|^delete from/, why: LATER, only: 'embedded', last: true },
  {
    match: /^use nope/,
    why: 'the user default may see every database, so the error is that there is none',
    only: 'embedded',
  },
  {
    match: /^create database/,
    why: 'the user default may make databases',
    only: 'embedded',
    last: true,
  },
  {
    match: /table\((?:mv2|tgt)\)/,
    why: 'a view over a keyed stream begins with the rows that stand in it, as in 3.x',
  },
  { match: /^\/proton\/v1\/udfs\/h1$/, why: 'is_aggregation is always told; deleting works at once' },
  { match: /^truncate stream/, why: REACHABLE, last: true },
  { match: /^create external stream ext1/, why: 'a broker that is not there is reported' },
  { match: /emit changelog$/, why: 'the recorded server never answered; the statement is wrong and told so' },
  {
    match: /query_id=kill-me/,
    why: 'a query that was killed is told so; the recording client gave up before',
  },
  { match: /^\/proton\/v1\/ingest\/streams\/t1$/, why: REACHABLE, last: true },
  { match: /^\/proton\/v1\/(?:ddl\/streams|sqlanalyzer)$/, why: REACHABLE },
]

export function reasonsFor(edition: EngineEdition): Reason[] {
  return REASONS.filter(({ only }) => only === undefined || only === edition)
}
