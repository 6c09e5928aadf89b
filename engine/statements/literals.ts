import type { Expr } from '../../dialect/ast.js'
import { quoteString } from '../chdb/pool.js'

/** `(1, 'a', [true])` for the store's Values format, or undefined where the row holds more than literals. */
export function literalRow(row: Expr[]): string | undefined {
  const cells = row.map(literalValue)
  return cells.every((cell) => cell !== undefined) ? `(${cells.join(',')})` : undefined
}

function literalValue(expr: Expr): string | undefined {
  switch (expr.kind) {
    case 'literal':
      switch (expr.type) {
        case 'null':
          return 'NULL'
        case 'bool':
          return String(expr.value)
        case 'number':
          return expr.text
        case 'string':
          return quoteString(expr.value)
      }
      return undefined
    case 'unary': {
      if (expr.op !== '-' || expr.expr.kind !== 'literal' || expr.expr.type !== 'number') return undefined
      return `-${expr.expr.text}`
    }
    case 'array':
      return joined('[', expr.items, ']')
    case 'tuple':
      return joined('(', expr.items, ')')
    case 'map': {
      const entries = expr.entries.map(({ key, value }) => {
        const parts = [literalValue(key), literalValue(value)]
        return parts.every((part) => part !== undefined) ? parts.join(':') : undefined
      })
      return entries.every((entry) => entry !== undefined) ? `{${entries.join(',')}}` : undefined
    }
    case 'column':
      return expr.path.length === 1 && /^default$/i.test(expr.path[0]!) ? 'DEFAULT' : undefined
    default:
      return undefined
  }
}

function joined(open: string, items: Expr[], close: string): string | undefined {
  const parts = items.map(literalValue)
  return parts.every((part) => part !== undefined) ? `${open}${parts.join(',')}${close}` : undefined
}
