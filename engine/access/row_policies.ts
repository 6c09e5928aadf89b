import type { Expr, NamedTable, Query, TableExpr, TableFunction } from '../../dialect/ast.js'
import { parseExpression } from '../../dialect/index.js'
import type { Catalog } from '../contracts.js'
import { EngineError } from '../errors.js'
import { relationName } from '../planner/index.js'
import { type Rewrite, rewriteQuery } from '../planner/walk.js'
import type { Access, AccessControl } from './control.js'
import type { RowPolicy } from './principals.js'

/** What row policies do to a query: which database unqualified names mean, and whether all of it is bounded. */
export interface PolicyContext {
  database: string
  bounded: boolean
}

/**
 * The query as a user may see it: what its policies hide of a stream or view is not there. They hold for table queries
 * (DIALECT §8), so what is read without end is refused where rows would be hidden.
 */
export function withRowPolicies(
  query: Query,
  access: Access,
  control: AccessControl,
  catalog: Catalog,
  { database, bounded }: PolicyContext,
): Query {
  if (control.policies.list().length === 0) return query
  const conditionOn = (name: NamedTable['name']): Expr | undefined => {
    const object = catalog.find(name, database)
    if (!object) return undefined
    const { on, mine } = control.policiesOn(access, {
      database: object.name.database,
      table: object.name.name,
    })
    return on.length === 0 ? undefined : condition(mine)
  }
  const filtered = (leaf: NamedTable | TableFunction, where: Expr): TableExpr => ({
    kind: 'subquery_table',
    query: { kind: 'select', with: [], columns: [{ kind: 'star' }], from: plain(leaf), where },
    alias: relationName(leaf),
  })
  const rewrite: Rewrite = {
    leaf(leaf) {
      if (leaf.kind === 'table') {
        const where = conditionOn(leaf.name)
        if (!where || isTrue(where)) return undefined
        if (bounded) return filtered(leaf, where)
        throw new EngineError(
          'ACCESS_DENIED',
          `${access.user}: A row policy hides rows of ${leaf.name.name}, and row policies hold for table queries only. Read table(${leaf.name.name})`,
        )
      }
      const [argument] = leaf.args
      if (leaf.name.toLowerCase() !== 'table' || argument?.kind !== 'table_arg') return undefined
      if (argument.table.kind !== 'table') return undefined
      const where = conditionOn(argument.table.name)
      // Left as it is also where nothing is hidden: the walk would go on to the name inside.
      return where && !isTrue(where) ? filtered(leaf, where) : leaf
    },
    expr(expr) {
      if (expr.kind !== 'in' || expr.list.kind !== 'column' || expr.list.path.length > 2) return undefined
      const [first, second] = expr.list.path
      const name = second === undefined ? { name: first! } : { database: first!, name: second }
      const where = conditionOn(name)
      if (!where || isTrue(where)) return undefined
      const from = filtered(
        {
          kind: 'table_function',
          name: 'table',
          args: [{ kind: 'table_arg', table: { kind: 'table', name } }],
        },
        where,
      )
      const all: Query = { kind: 'select', with: [], columns: [{ kind: 'star' }], from }
      return { ...expr, list: { kind: 'subquery', query: all } }
    },
  }
  return rewriteQuery(query, rewrite)
}

/** Whether policies hide rows of a stream or view from somebody. */
export function hidesRows(
  access: Access,
  control: AccessControl,
  name: { database: string; name: string },
): boolean {
  const { on, mine } = control.policiesOn(access, { database: name.database, table: name.name })
  return on.length > 0 && !isTrue(condition(mine))
}

function plain<Leaf extends NamedTable | TableFunction>(leaf: Leaf): Leaf {
  const { alias: _, columnAliases: __, ...rest } = leaf
  return rest as Leaf
}

const NEVER: Expr = { kind: 'literal', type: 'bool', value: false }
const ALWAYS: Expr = { kind: 'literal', type: 'bool', value: true }

function isTrue(expr: Expr): boolean {
  return expr.kind === 'literal' && expr.type === 'bool' && expr.value
}

/** Whoever no permissive policy is about sees nothing; restrictive ones take away. */
function condition(policies: RowPolicy[]): Expr {
  const expr = ({ using }: RowPolicy): Expr => {
    if (using === undefined || using === '1' || using === 'true') return ALWAYS
    return parseExpression(using)
  }
  const permissive = policies.filter((policy) => !policy.restrictive).map(expr)
  if (permissive.length === 0) return NEVER
  const restrictive = policies.filter((policy) => policy.restrictive).map(expr)
  const shown = permissive.some(isTrue) ? ALWAYS : joined('or', permissive)
  const hiding = [shown, ...restrictive].filter((term) => !isTrue(term))
  return hiding.length === 0 ? ALWAYS : joined('and', hiding)
}

function joined(op: 'and' | 'or', terms: Expr[]): Expr {
  return terms.reduce((left, right): Expr => ({ kind: 'binary', op, left, right }))
}
