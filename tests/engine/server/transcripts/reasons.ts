/** Why the embedded engine answers otherwise than the recorded server, on purpose. */
export interface Reason {
  /** Found in the body or the path of the request. */
  match: RegExp
  why: string
  /** Its effect would change later answers, which the recorded server gave without it: sent behind all others. */
  last?: true
  /** Whether the answers differ depends on how fast one comes. */
  timing?: true
}

/** Not in the language of the recorded server. */
export const LATER = 'a statement of a later edition, which 1.6.1 does not know'
const REACHABLE = 'the recorded server never answered; here it works'

export const REASONS: Reason[] = [
  { match: /^\/ping$/, why: 'clients of ClickHouse ask for it as a health check' },
  { match: /^\/proton\/info/, why: 'tells its own edition, and has no commit' },
  {
    match: /PrettyCompact/,
    why: 'the store counts a tab as wide, and text stands left where times stand right',
  },
  { match: /^explain/, why: "the store's own plan" },
  { match: /^create mutable stream|^show (?:create )?function|^system pause/, why: LATER },
  { match: /^create (?:task|alert)/, why: LATER, last: true },
  { match: /^delete from/, why: LATER, last: true },
  { match: /^use nope/, why: 'every user may see every database, so the error is that there is none' },
  { match: /^create database/, why: 'the recorded server forbade it to its user', last: true },
  {
    match: /table\((?:mv2|tgt)\)/,
    why: 'a view over a keyed stream begins with the rows that stand in it, as in 3.x',
  },
  { match: /^select k,v from kv$/, why: 'the replayed rows come in the order of arrival, not of the key' },
  { match: /^\/proton\/v1\/udfs\/h1$/, why: 'is_aggregation is always told; deleting works at once' },
  { match: /^truncate stream/, why: REACHABLE, last: true },
  { match: /^create external stream ext1/, why: 'a broker that is not there is reported soon', timing: true },
  { match: /emit changelog$/, why: 'the recorded server never answered; the statement is wrong and told so' },
  {
    match: /query_id=kill-me/,
    why: 'a query that was killed is told so; the recording client gave up before',
  },
  { match: /^\/proton\/v1\/ingest\/streams\/t1$/, why: REACHABLE, last: true },
  { match: /^\/proton\/v1\/(?:ddl\/streams|sqlanalyzer)$/, why: REACHABLE },
]
