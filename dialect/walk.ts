/** Walkers over any part of a tree: expressions, queries, tables, statements. */
import type { Expr, Query, TableArg, TableExpr } from './ast.js'

type TableNode = TableExpr | TableArg

const EXPR_KINDS = new Set<string>([
  'literal',
  'column',
  'star',
  'call',
  'binary',
  'unary',
  'cast',
  'case',
  'lambda',
  'tuple',
  'array',
  'map',
  'subscript',
  'tuple_element',
  'json_path',
  'interval',
  'in',
  'between',
  'is_null',
  'like',
  'exists',
  'subquery',
  'parameter',
  'extract',
  'alias',
  'raw',
] satisfies Expr['kind'][])
const QUERY_KINDS = new Set<string>(['select', 'union'] satisfies Query['kind'][])
const TABLE_KINDS = new Set<string>([
  'table',
  'table_function',
  'subquery_table',
  'join',
  'array_join',
  'raw_table',
  'table_arg',
] satisfies TableNode['kind'][])

function kindOf(node: object): string | undefined {
  const kind = (node as { kind?: unknown }).kind
  return typeof kind === 'string' ? kind : undefined
}

export function isExpr(node: object): node is Expr {
  const kind = kindOf(node)
  // A column's `ALIAS expr` has the kind of an aliased expression, but no name.
  return kind !== undefined && EXPR_KINDS.has(kind) && (kind !== 'alias' || 'name' in node)
}

export function isQueryNode(node: object): node is Query {
  return QUERY_KINDS.has(kindOf(node) ?? '')
}

export function isTableNode(node: object): node is TableNode {
  return TABLE_KINDS.has(kindOf(node) ?? '')
}

/** Called on the way down; answering `false` leaves the node's inside out. */
export interface Visitor {
  expr?: (node: Expr) => unknown
  query?: (node: Query) => unknown
  table?: (node: TableNode) => unknown
}

/** Calls the visitor for every expression, query and table in `root`, itself included, outermost first. */
export function visit(root: object, visitor: Visitor): void {
  if (Array.isArray(root)) {
    for (const item of root) if (typeof item === 'object' && item !== null) visit(item as object, visitor)
    return
  }
  if (isExpr(root)) {
    if (visitor.expr?.(root) === false) return
  } else if (isQueryNode(root)) {
    if (visitor.query?.(root) === false) return
  } else if (isTableNode(root)) {
    if (visitor.table?.(root) === false) return
  }
  for (const [key, value] of Object.entries(root)) {
    if (key !== 'span' && typeof value === 'object' && value !== null) visit(value as object, visitor)
  }
}

/** Called on the way up, with the node's inside already rewritten; answers what stands in its place. */
export interface Rewriter {
  expr?: (node: Expr) => Expr
  query?: (node: Query) => Query
  table?: (node: TableNode) => TableNode
}

/**
 * A copy of `root` with every expression, query and table replaced by what the rewriter makes of it,
 * innermost first. What does not change is shared with the original, which stays as it was.
 */
export function rewrite<T extends object>(root: T, rewriter: Rewriter): T {
  const node: object = rebuild(root, rewriter)
  if (isExpr(node)) return (rewriter.expr?.(node) ?? node) as object as T
  if (isQueryNode(node)) return (rewriter.query?.(node) ?? node) as object as T
  if (isTableNode(node)) return (rewriter.table?.(node) ?? node) as object as T
  return node as T
}

function rebuild(root: object, rewriter: Rewriter): object {
  if (Array.isArray(root)) {
    const items = root.map((item: unknown) =>
      typeof item === 'object' && item !== null ? rewrite(item, rewriter) : item,
    )
    return items.some((item, i) => item !== root[i]) ? items : root
  }
  let copy: Record<string, unknown> | undefined
  for (const [key, value] of Object.entries(root)) {
    if (key === 'span' || typeof value !== 'object' || value === null) continue
    const next = rewrite(value as object, rewriter)
    if (next === value) continue
    copy ??= { ...root }
    copy[key] = next
  }
  return copy ?? root
}
