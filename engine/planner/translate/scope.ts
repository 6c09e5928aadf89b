import type { Expr, Select } from '../../../dialect/ast.js'
import { quoteIdentifier } from '../../chdb/pool.js'
import { exprParts } from '../walk.js'
import type { TranslateEnv } from './env.js'

/** One relation of a FROM clause. */
export interface Source {
  /** How the store addresses it; absent where nothing needs to (a single subquery without alias). */
  alias?: string
  /** What `*` means. The relation may have more columns than these. */
  columns: readonly string[]
  /** Those of the columns that are known to hold strings. */
  strings?: ReadonlySet<string>
}

/** Where an expression stands: what its names can mean. */
export interface Scope {
  env: TranslateEnv
  sources: readonly Source[]
  /** Aliases of the SELECT: `WITH x AS a`, `expr AS a` at any depth. */
  aliases: ReadonlySet<string>
  /** What the aliases of the columns stand for. */
  definitions?: ReadonlyMap<string, Expr>
  /** The alias whose definition is being written: inside, the name means the column. */
  defining?: string
  /** Parameters of the lambdas around. */
  lambda: ReadonlySet<string>
  /** CTEs in sight with their columns. */
  ctes: ReadonlyMap<string, Pick<Source, 'columns' | 'strings'>>
  /** Columns of USING and of ARRAY JOIN: never qualified. */
  merged: ReadonlySet<string>
  /** Scope of the query around, for correlated names. */
  outer?: Scope
  /** SQL that orders the rows of this FROM by arrival. */
  arrival?: string
}

export function emptyScope(env: TranslateEnv, outer?: Scope): Scope {
  return {
    env,
    sources: [],
    aliases: new Set(),
    lambda: new Set(),
    ctes: outer?.ctes ?? new Map(),
    merged: new Set(),
    outer,
  }
}

/**
 * A column path as the store's text. Joins give every name its relation (a plain name means the left-most
 * relation that has it, as in Proton); what no relation is known to have is left for the store to find.
 */
export function columnText(path: readonly string[], scope: Scope): string {
  const [first, second] = path
  if (scope.lambda.has(first!)) return quotePath(path)
  if (path.length === 1 && scope.aliases.has(first!) && scope.defining !== first) return quotePath(path)

  // `db.t.c`, `t.c`: the database is dropped, relations are addressed by their aliases.
  if (path.length > 2 && sourceNamed(second!, scope) && !sourceNamed(first!, scope))
    return quotePath(path.slice(1))
  if (path.length > 1 && sourceNamed(first!, scope)) {
    const known = sourceNamed(first!, scope)!
    const dotted = path.slice(1).join('.')
    if (path.length > 2 && known.columns.includes(dotted)) {
      return `${quoteIdentifier(first!)}.${quoteIdentifier(dotted)}`
    }
    // One relation and no alias of that name: the qualifier says nothing.
    const plain = path.length === 2 && scope.sources.length === 1 && known === scope.sources[0]
    if (plain && known.columns.includes(second!) && !scope.aliases.has(second!)) return quotePath([second!])
    return quotePath(path)
  }

  // `n.x` may be one column with a dot in its name (an element of a nested column).
  const dotted = path.join('.')
  const name = path.length > 1 && scope.sources.some((s) => s.columns.includes(dotted)) ? dotted : first!
  const rest = name === dotted ? [] : path.slice(1)
  if (scope.sources.length > 1 && !scope.merged.has(name)) {
    const owner = scope.sources.find((source) => source.columns.includes(name))
    if (owner?.alias !== undefined) return quotePath([owner.alias, name, ...rest])
  }
  return quotePath([name, ...rest])
}

function sourceNamed(alias: string, scope: Scope): Source | undefined {
  for (let at: Scope | undefined = scope; at; at = at.outer) {
    const found = at.sources.find((source) => source.alias === alias)
    if (found) return found
  }
  return undefined
}

/** Position of the relation's name in a qualified path (`t.c`: 0, `db.t.c`: 1), undefined for others. */
export function qualifierAt(path: readonly string[], scope: Scope): 0 | 1 | undefined {
  if (path.length < 2) return undefined
  if (scope.sources.some((source) => source.alias === path[0])) return 0
  return path.length > 2 && scope.sources.some((source) => source.alias === path[1]) ? 1 : undefined
}

function quotePath(path: readonly string[]): string {
  return path.map(quoteIdentifier).join('.')
}

/** Every alias that a SELECT defines, wherever in its clauses. */
export function aliasesOf(select: Select): Set<string> {
  const names = new Set<string>()
  const visit = (expr: Expr): Expr => {
    if (expr.kind === 'alias') names.add(expr.name)
    exprParts(expr, visit, (query) => query)
    return expr
  }
  for (const item of select.with) {
    if (item.kind === 'expr') {
      names.add(item.name)
      visit(item.expr)
    }
  }
  for (const expr of [
    ...select.columns,
    ...(select.groupBy ?? []),
    ...(select.orderBy ?? []).map((item) => item.expr),
    ...[select.where, select.having, select.prewhere].filter((e) => e !== undefined),
  ]) {
    visit(expr)
  }
  return names
}
