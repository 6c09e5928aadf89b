import { type ColumnDef, isKnownFunction } from '../../../dialect/index.js'
import { traitsOf } from '../../kinds.js'
import type { Found, LintObject, Rule } from '../rule.js'

export const reservedName: Rule = {
  code: 'RESERVED_NAME',
  severity: 'error',
  title: 'a name that the engine or tpctl keeps for itself',
  why: 'Columns that begin with _tp_ are the engine’s, streams that begin with tpctl_ hold what tpctl remembers, and a function that is called like a built-in one, or like one with a combinator behind it (sum_if), is never called or is refused with error 2532.',
  fix: 'Choose another name.',
  failing: {
    sql: `CREATE STREAM readings (device string, _tp_sn uint64) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE FUNCTION total_if AS (x) -> x;`,
  },
  passing: {
    sql: `CREATE STREAM readings (device string, seq uint64, _tp_time datetime64(3)) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE FUNCTION total_when AS (x) -> x;`,
  },
  *check({ objects }) {
    for (const object of objects) {
      const reason = reasonOf(object)
      if (reason !== undefined) yield { object, message: `${object.name}: ${reason}` }
      yield* columnsIn(object)
    }
  },
}

/** Reserved columns that may be declared: the engine then takes the declared one. */
const DECLARABLE = new Set([
  '_tp_time',
  '_tp_delta',
  '_tp_message_key',
  '_tp_message_headers',
  '_tp_index_time',
])
/** What engines put behind the name of an aggregate function. */
const COMBINATORS =
  /_(if|array|map|distinct|for_each|or_default|or_null|null|state|merge|simple_state|resample)$/

/** Only what shares its names with streams can be in the way of the engine's own. */
function reasonOf({ kind, name }: LintObject): string | undefined {
  if (kind === 'function') return functionReason(name)
  return traitsOf(kind).relation ? relationReason(name) : undefined
}

function functionReason(name: string): string | undefined {
  if (isKnownFunction(name)) return 'the engine has a function of this name'
  const suffix = COMBINATORS.exec(name)?.[0]
  return suffix === undefined ? undefined : `engines read ${suffix} as a combinator of an aggregate function`
}

function relationReason(name: string): string | undefined {
  if (/^tpctl_/.test(name)) return 'what begins with tpctl_ is kept by tpctl'
  return /^(\.inner|_tp_)/.test(name) ? 'names like this are kept by the engine' : undefined
}

function* columnsIn(object: LintObject): Generator<Found> {
  const { statement } = object
  const columns = 'columns' in statement ? ((statement.columns ?? []) as ColumnDef[]) : []
  for (const column of columns)
    if (typeof column === 'object' && column.name?.startsWith('_tp_') && !DECLARABLE.has(column.name))
      yield { object, at: column, message: `${column.name}: columns that begin with _tp_ are the engine's` }
}
