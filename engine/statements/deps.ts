import type { Expr, QualifiedName, Setting } from '../../dialect/ast.js'
import { printExpr } from '../../dialect/index.js'
import type { Guard } from '../access/guard.js'
import type { StoredCatalog } from '../catalog/catalog.js'
import type { FormatSchemas } from '../catalog/format_schemas.js'
import type { NamedCollections } from '../catalog/named_collections.js'
import type {
  Chdb,
  ExternalSources,
  Planner,
  QueryContext,
  StreamingRuntime,
  StreamStore,
  UdfRegistry,
} from '../contracts.js'
import type { EngineEdition } from '../edition.js'
import { EngineError } from '../errors.js'
import type { AlertRunner } from '../jobs/alerts.js'
import type { TaskScheduler } from '../jobs/tasks.js'
import { translateExpr } from '../planner/index.js'
import type { QueryRegistry } from './registry.js'

/** What statements work with. */
export interface StatementDeps {
  edition: EngineEdition
  chdb: Chdb
  catalog: StoredCatalog
  store: StreamStore
  udfs: UdfRegistry
  external: ExternalSources
  planner: Planner
  runtime: StreamingRuntime
  queries: QueryRegistry
  guard: Guard
  collections: NamedCollections
  schemas: FormatSchemas
  tasks: TaskScheduler
  alerts: AlertRunner
}

/** Proton SQL of a stream's own expressions (defaults, TTL, sharding) → the store's. */
export function storeExpr(expr: Expr, deps: Pick<StatementDeps, 'udfs'>): string {
  return translateExpr(expr, { lookup: (name) => deps.udfs.lookup(name) })
}

export function fullName(name: QualifiedName, context: Pick<QueryContext, 'database'>) {
  return { database: name.database ?? context.database, name: name.name }
}

export function requireDatabase(database: string, deps: Pick<StatementDeps, 'catalog'>): void {
  if (!deps.catalog.databases().includes(database)) {
    throw new EngineError('UNKNOWN_DATABASE', `Database ${database} doesn't exist`)
  }
}

/** Settings of a statement as text: strings without quotes, everything else as printed. */
export function settingsText(settings: Setting[] | undefined): Record<string, string> {
  return Object.fromEntries((settings ?? []).map(({ name, value }) => [name, literalText(value)]))
}

export function literalText(value: Expr): string {
  if (value.kind === 'literal') {
    if (value.type === 'string') return value.value
    if (value.type === 'number') return value.text
    if (value.type === 'bool') return String(value.value)
  }
  return printExpr(value)
}

export function isTrue(value: string | undefined): boolean {
  return value !== undefined && !isFalse(value)
}

/** `false`, `0`, `no`, `off` are false, everything else is true. */
export function isFalse(value: string | undefined): boolean {
  return value !== undefined && /^(?:0|false|no|off)$/i.test(value)
}
