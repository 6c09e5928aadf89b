import type { Expr, Select } from '../../dialect/ast.js'
import { quoteIdentifier as id } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import { Changelog } from './changelog.js'
import type { Operator } from './operator.js'
import type { Pipe } from './pipe.js'

/** Not 0 for a group that has no answer (any more). */
const GONE = '__tp_gone'
/** Stands for the key of an aggregation that has none. */
const NO_KEY = '__tp_key'

/**
 * The SELECT of an aggregation's answer with hidden columns that tell which group each row answers for, and whether it
 * still has an answer: what HAVING leaves out, and what has no rows (`rows`: the store's SQL of their number).
 */
export function traced(final: Select, keys: readonly string[], rows: string): Select {
  const { having, ...select } = final
  const none: Expr = { kind: 'raw', sql: `(${rows}) = 0` }
  const gone: Expr = having
    ? { kind: 'binary', op: 'or', left: none, right: { kind: 'unary', op: 'not', expr: having } }
    : none
  const hidden =
    keys.length === 0 ? [aliased('toUInt8(0)', NO_KEY)] : keys.map((key) => aliased(id(key), key))
  return { ...select, columns: [...select.columns, ...hidden, { kind: 'alias', expr: gone, name: GONE }] }
}

/** The changelog of traced answers, with `_tp_delta` at the given position. */
export function changelogOf(
  pipe: Pipe,
  answers: Operator,
  keys: readonly string[],
  deltaAt: number,
): Promise<Operator> {
  const named = keys.length === 0 ? [NO_KEY] : keys
  return Changelog.create(pipe, answers, {
    keys: named,
    gone: `${id(GONE)} != 0`,
    hidden: [...named, GONE],
    deltaAt,
  })
}

/** Without the columns that a trace added. */
export function untraced(columns: OutputColumn[], keys: readonly string[]): OutputColumn[] {
  const hidden = new Set([...keys, NO_KEY, GONE])
  return columns.filter(({ name }) => !hidden.has(name))
}

function aliased(sql: string, name: string): Expr {
  return { kind: 'alias', expr: { kind: 'raw', sql }, name }
}
