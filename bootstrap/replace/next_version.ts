import {
  type CreateMaterializedView,
  type Edition,
  type NamedTable,
  type QualifiedName,
  type Query,
  rewrite,
  type Setting,
  type Statement,
  type TableFunction,
} from '../../dialect/index.js'
import type { Scan } from './query_state.js'

/** The statement with new names for some relations; what it calls its own columns stays as it is written. */
export function withNames<S extends Statement>(statement: S, names: ReadonlyMap<string, string>): S {
  const renamed = (name: QualifiedName): QualifiedName => {
    const to = names.get(name.name)
    return to === undefined ? name : { ...name, name: to }
  }
  const rewritten = rewrite(statement, {
    table: (node) => {
      if (node.kind === 'table' && names.has(node.name.name))
        return { ...node, name: renamed(node.name), alias: node.alias ?? node.name.name }
      if (node.kind === 'table_function') return withAlias(node, names)
      return node
    },
  })
  const { name, into } = rewritten as Partial<CreateMaterializedView>
  return {
    ...rewritten,
    ...(name ? { name: renamed(name) } : {}),
    ...(into ? { into: renamed(into) } : {}),
  }
}

/** `tumble(next AS s, …)`, as the rewriting has it, is `tumble(next, …) AS s`. */
function withAlias(node: TableFunction, names: ReadonlyMap<string, string>): TableFunction {
  const [argument] = node.args
  if (argument?.kind !== 'table_arg' || argument.table.kind === 'subquery_table') return node
  const { table } = argument
  const renamedTo = (inner: NamedTable | TableFunction) =>
    inner.kind === 'table' && [...names.values()].includes(inner.name.name)
  const moved = renamedTo(table) || (table.kind === 'table_function' && table.alias !== undefined)
  if (!moved) return node
  const { alias, ...bare } = table
  return {
    ...node,
    args: [{ ...argument, table: bare as NamedTable | TableFunction }, ...node.args.slice(1)],
    alias: node.alias ?? alias,
  }
}

/**
 * A query that begins with the first row that its sources still have, unless it says itself where. Keyed sources
 * begin with their current rows anyway.
 */
export function fromBeginning(query: Query, scans: Scan[], names: ReadonlyMap<string, string>): Query {
  const positions = new Map(
    scans
      .filter(({ keyed }) => !keyed)
      .map(({ name, seekTo }) => [names.get(name) ?? name, seekTo ?? 'earliest']),
  )
  return positions.size === 0 ? query : withSeek(query, Object.fromEntries(positions))
}

/** A query that begins at given positions of its sources, as an edition is told: servers know one `seek_to` for all. */
export function seekOn(edition: Edition, query: Query, positions: Record<string, string>): Query {
  if (edition === 'embedded') return withSeek(query, positions)
  const [position, ...others] = new Set(Object.values(positions))
  if (position === undefined) return query
  // Several sources are never handed over on servers: the plan chooses another way.
  if (others.length > 0) throw new Error(`seek_to cannot say ${JSON.stringify(positions)}`)
  return seeking(query, position)
}

/** A query that begins at given positions of its sources. */
export function withSeek(query: Query, positions: Record<string, string>): Query {
  const value = Object.entries(positions)
    .map(([name, position]) => `${name}=${position}`)
    .join('; ')
  return seeking(query, value)
}

function seeking(query: Query, value: string): Query {
  const setting: Setting = { name: 'seek_to', value: { kind: 'literal', type: 'string', value } }
  const others = (query.settings ?? []).filter(({ name }) => name !== setting.name)
  return { ...query, settings: [...others, setting] }
}
