import type { Expr } from '../dialect/ast.js'
import { parseExpression } from '../dialect/index.js'
import { quoteIdentifier } from './chdb/pool.js'
import type { StreamObject } from './contracts.js'
import { crc32cText } from './planner/index.js'
import { type StatementDeps, storeExpr } from './statements/deps.js'
import { isKeyed } from './storage/tables.js'

/** The shard of a row: the stream's own expression, or what Proton takes where there is none. */
export function shardSql(stream: StreamObject, udfs: StatementDeps['udfs']): string {
  const text =
    stream.shardingExpr ?? (isKeyed(stream) ? `weak_hash32(${stream.primaryKey.join(', ')})` : 'rand()')
  const expr = parseExpression(text)
  return weakHashSql(expr, stream) ?? storeExpr(expr, { udfs })
}

const INTEGER = /^U?Int(?:8|16|32|64)$/

/** `weak_hash32` of integer columns, which puts each row on the shard that Proton does. */
function weakHashSql(expr: Expr, stream: StreamObject): string | undefined {
  if (expr.kind !== 'call' || expr.name.toLowerCase() !== 'weak_hash32') return undefined
  const columns = expr.args.map((arg) =>
    stream.columns.find(({ name }) => arg.kind === 'column' && arg.path.join('.') === name),
  )
  if (columns.length === 0 || columns.some((column) => !column || !INTEGER.test(column.chType)))
    return undefined
  const words = columns.map((column) => `reinterpretAsUInt64(toInt64(${quoteIdentifier(column!.name)}))`)
  return words.slice(1).reduce((sum, word) => crc32cText(word, sum), crc32cText(words[0]!))
}
