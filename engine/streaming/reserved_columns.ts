import type { Expr, Select, TableExpr } from '../../dialect/ast.js'
import { rewriteQuery } from '../planner/walk.js'
import { VIRTUAL_COLUMNS } from './bounded.js'
import type { Ctes } from './is_streaming.js'
import type { Side } from './join_keys.js'

/** Columns that every stream has and none declares. */
const RESERVED: ReadonlySet<string> = new Set(VIRTUAL_COLUMNS)

/**
 * A join of two streams has one column of each of these names, the right side's: whichever side a name is qualified
 * with, that column is meant (Proton looks for names that both sides have among declared columns alone). Where the
 * sides begin is not concerned. Conditions of ON keep their sides.
 */
export function withSharedNames(select: Select, { relations }: Side, ctes: Ctes): Select {
  const shown = sharesNames(select.from, ctes) && relations.length === 2 ? relations[1]! : undefined
  const alias = shown?.alias
  if (!shown || alias === undefined) return select
  const { from, ...rest } = select
  const aliases = relations.map((relation) => relation.alias)
  const own: Select = rest
  const rewritten = rewriteQuery(own, {
    expr: (expr) => {
      if (expr.kind !== 'column' || expr.path.length > 2) return undefined
      const name = expr.path.at(-1)!
      const named = expr.path.length === 1 || aliases.includes(expr.path[0])
      const shared = named && RESERVED.has(name) && shown.columns.includes(name)
      return shared ? { ...expr, path: [alias, name] } : undefined
    },
    query: (inner) => (inner === own ? undefined : inner),
  })
  return { ...rewritten, from }
}

/** Conditions as they tell where such a join begins: at a sequence number itself, also where only larger ones are asked for. */
export function fromThere(terms: Expr[], from: TableExpr | undefined, ctes: Ctes): Expr[] {
  if (!sharesNames(from, ctes)) return terms
  return terms.map((term) => {
    if (term.kind !== 'binary') return term
    if (term.op === '>' && isNumber(term.left)) return { ...term, op: '>=' }
    return term.op === '<' && isNumber(term.right) ? { ...term, op: '<=' } : term
  })
}

function isNumber(expr: Expr): boolean {
  return expr.kind === 'column' && expr.path.at(-1) === '_tp_sn'
}

function sharesNames(from: TableExpr | undefined, ctes: Ctes): boolean {
  return from?.kind === 'join' && isStream(from.left, ctes) && isStream(from.right, ctes)
}

/** A stream by its name, or a function of one: what it shows are not the columns of a SELECT. */
function isStream(table: TableExpr, ctes: Ctes): boolean {
  if (table.kind === 'table') return table.name.database !== undefined || !ctes.has(table.name.name)
  if (table.kind !== 'table_function') return false
  const [argument] = table.args
  return argument?.kind === 'table_arg' && isStream(argument.table, ctes)
}
