import type { NamedTable, TableExpr, TableFunction } from '../../dialect/ast.js'
import type { CatalogObject, Relation } from '../contracts.js'
import { EngineError } from '../errors.js'
import { bindLeaves, dictionaryRelation } from '../planner/index.js'
import { viewBody } from '../planner/sources.js'
import type { Pipe } from './pipe.js'

type Readable = Exclude<CatalogObject, { kind: 'function' }>

/** The stream that reading `object` reads: a view's target for a materialized view. */
export function readTarget(object: Readable, pipe: Pick<Pipe, 'deps'>): Readable {
  if (object.kind !== 'materialized_view') return object
  return readTarget(pipe.deps.catalog.require(object.target), pipe)
}

/**
 * Stored rows in place of a name or of `table(name)`, for the parts of a continuous query that are no
 * streams: `x IN (SELECT k FROM s)`, the right side of a join with `table(s)`. Table functions over
 * such relations are left for the translation.
 */
export async function boundedLeaf(
  leaf: NamedTable | TableFunction,
  pipe: Pipe,
): Promise<TableExpr | undefined> {
  const table = leaf.kind === 'table' ? leaf : tableArgument(leaf)
  if (!table) return undefined
  const view = viewBody(table, pipe.deps.catalog, pipe.context.database)
  if (view) return { ...view, query: await bindLeaves(view.query, (inner) => boundedLeaf(inner, pipe)) }
  const object = readTarget(pipe.deps.catalog.require(table.name, pipe.context.database), pipe)
  const relation = await currentRows(object, pipe)
  return { kind: 'raw_table', ...relation, alias: leaf.alias ?? table.alias ?? table.name.name }
}

async function currentRows(object: Readable, pipe: Pipe): Promise<Relation> {
  switch (object.kind) {
    case 'stream':
      return pipe.deps.store.shown(object)
    case 'external_stream':
    case 'random_stream': {
      const snapshot = await pipe.deps.external.snapshot(object, { settings: pipe.context.settings })
      pipe.onBatchEnd(snapshot.release)
      return snapshot.relation
    }
    case 'dictionary':
      return dictionaryRelation(object)
    default:
      throw new EngineError('NOT_IMPLEMENTED', `Reading ${object.name.name} here is not supported`)
  }
}

/** `s` of `table(s)`. */
export function tableArgument(leaf: TableFunction): NamedTable | undefined {
  if (leaf.name.toLowerCase() !== 'table') return undefined
  const arg = leaf.args[0]
  return arg?.kind === 'table_arg' && arg.table.kind === 'table' ? arg.table : undefined
}

/** Names of a stream's columns that every read can address besides those of `*`. */
export const VIRTUAL_COLUMNS = ['_tp_sn', '_tp_shard', '_tp_append_time'] as const
