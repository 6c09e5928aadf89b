import type { Expr, Select } from '../../dialect/ast.js'

/**
 * Every name that a SELECT may take from its FROM, and some that it does not: all texts of its tree, but for the FROM
 * itself. Undefined where that cannot be told: `*`, `COLUMNS(…)`, SQL of the store.
 */
export function namesIn(select: Select): ReadonlySet<string> | undefined {
  const { from, settings, format, ...rest } = select
  void [from, settings, format]
  return collected(rest)
}

/** The same of expressions. */
export function namesInExpressions(exprs: readonly Expr[]): ReadonlySet<string> | undefined {
  return collected(exprs)
}

function collected(tree: unknown): ReadonlySet<string> | undefined {
  const names = new Set<string>()
  return collect(tree, names) ? names : undefined
}

function collect(node: unknown, names: Set<string>): boolean {
  if (typeof node === 'string') {
    names.add(node)
    return true
  }
  if (typeof node !== 'object' || node === null) return true
  if ('kind' in node && (node.kind === 'star' || node.kind === 'raw' || node.kind === 'raw_table'))
    return false
  return Object.values(node).every((part) => collect(part, names))
}
