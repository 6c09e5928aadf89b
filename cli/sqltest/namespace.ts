import type { CompiledObject } from '../../bootstrap/model.js'
import {
  type CreateFunction,
  columnName,
  type Edition,
  type Expr,
  functionsUsed,
  printStatement,
  type QualifiedName,
  type Query,
  rewrite,
  type Setting,
  type Statement,
} from '../../dialect/index.js'

/** What a project's names become in the database of one test. */
export interface Namespace {
  database: string
  /** Database of the project: what is written with it belongs to the test as well. */
  projectDatabase: string
  edition: Edition
  brokers: string
  /** The brokers are the development ones: they know no TLS and no users. */
  plainBrokers: boolean
  /** Functions that are called otherwise here. */
  functions: ReadonlyMap<string, string>
  /** Named collections of the project: their settings are written out, since those of a test differ. */
  collections: ReadonlyMap<string, readonly Setting[]>
  /** Where remote functions are answered. */
  stubUrl(name: string): string
}

/** The topic that stands for `topic` in a test: nobody else writes there. */
export function topicIn(namespace: Namespace, topic: string): string {
  return `${namespace.database}.${topic}`
}

/** The topic of an external stream, as the project calls it. */
export function topicOf(
  statement: Statement,
  { collections }: Pick<Namespace, 'collections'>,
): string | undefined {
  return statement.kind === 'create_external_stream'
    ? textOf(writtenOut(statement.settings, collections), 'topic')
    : undefined
}

/** Settings with those of the collection that they name; what is written beside it counts more. */
function writtenOut(settings: readonly Setting[], collections: Namespace['collections']): Setting[] {
  const named = textOf(settings, 'named_collection')
  const collection = named === undefined ? undefined : collections.get(named)
  if (!collection) return [...settings]
  const own = settings.filter(({ name }) => name !== 'named_collection')
  return [...collection.filter(({ name }) => !own.some((setting) => setting.name === name)), ...own]
}

/** How brokers are logged in to, which the development ones cannot be. */
const SECURITY = /^(security_protocol|sasl_\w+|username|password|ssl_\w+|skip_ssl_cert_check|config_file)$/

function connection(settings: Setting[], { plainBrokers }: Namespace): Setting[] {
  return plainBrokers ? settings.filter(({ name }) => !SECURITY.test(name)) : settings
}

/** The named collections of a project, by name. */
export function collectionsOf(objects: readonly CompiledObject[]): Map<string, readonly Setting[]> {
  return new Map(
    objects.flatMap(({ name, statement }) =>
      statement.kind === 'create_named_collection' ? [[name, statement.entries] as const] : [],
    ),
  )
}

function textOf(settings: readonly Setting[], name: string): string | undefined {
  const value = settings.find((setting) => setting.name === name)?.value
  return value?.kind === 'literal' && value.type === 'string' ? value.value : undefined
}

/** Text that creates a project's object in the namespace. */
export function createdIn(namespace: Namespace, object: CompiledObject): string {
  return printStatement(statementIn(namespace, object.statement), { edition: namespace.edition })
}

/** A statement with the names of the namespace. Rows never expire there: their times are the test's. */
export function statementIn(namespace: Namespace, statement: Statement): Statement {
  if (statement.kind === 'create_function') return functionIn(namespace, statement)
  const named = renamed(namespace, statement)
  switch (named.kind) {
    case 'create_stream':
      return { ...named, ttl: undefined, settings: named.settings.filter(({ name }) => !/^ttl_/.test(name)) }
    case 'create_materialized_view':
      return { ...named, ttl: undefined, into: named.into && localName(namespace, named.into) }
    case 'create_external_stream':
      return {
        ...named,
        settings: connection(writtenOut(named.settings, namespace.collections), namespace).map((setting) =>
          settingIn(namespace, setting),
        ),
      }
    case 'create_format_schema':
      return { ...named, ifNotExists: true, orReplace: false }
    case 'create_random_stream':
      // Its rows are the test's, like those of any stream.
      return {
        ...named,
        kind: 'create_stream',
        mutable: false,
        indexes: [],
        families: [],
        engine: undefined,
        settings: [],
      }
    default:
      return named
  }
}

function settingIn(namespace: Namespace, setting: Setting): Setting {
  const literal = (value: string): Setting => ({
    ...setting,
    value: { kind: 'literal', type: 'string', value },
  })
  if (setting.name === 'brokers') return literal(namespace.brokers)
  if (setting.name === 'topic' && setting.value.kind === 'literal' && setting.value.type === 'string')
    return literal(topicIn(namespace, setting.value.value))
  return setting
}

function functionIn(namespace: Namespace, statement: CreateFunction): Statement {
  const { name } = statement.name
  const called = namespace.functions.get(name) ?? name
  const { body } = statement
  const plain = { ...statement, name: { name: called }, orReplace: true, ifNotExists: false }
  if (body.language === 'remote') {
    const { language, args, returns, executionTimeoutMs } = body
    return {
      ...plain,
      body: { language, args, returns, url: namespace.stubUrl(name), authMethod: 'none', executionTimeoutMs },
    }
  }
  if (body.language === 'javascript' && !statement.aggregate && called !== name) {
    // The engine looks for a function of the new name.
    const source = `${body.source}\nfunction ${called}() { return ${name}.apply(this, arguments) }\n`
    return { ...plain, body: { ...body, source } }
  }
  return body.language === 'sql' ? renamed(namespace, plain) : plain
}

function localName(namespace: Namespace, name: QualifiedName): QualifiedName {
  return name.database === namespace.projectDatabase ? { name: name.name } : name
}

function renamed<S extends Statement>(namespace: Namespace, statement: S): S {
  const { functions } = namespace
  const local = rewrite(statement, {
    table: (node) => (node.kind === 'table' ? { ...node, name: localName(namespace, node.name) } : node),
  })
  if (!functionsUsed(statement).some((name) => functions.has(name))) return local
  const calls = (node: Expr) =>
    functionsUsed({ kind: 'query', query: selectOf(node) }).some((name) => functions.has(name))
  // A column without a name is called by its expression, which must not change with the name of a function.
  const named = rewrite(local, {
    query: (query) =>
      query.kind === 'select'
        ? {
            ...query,
            columns: query.columns.map((column) =>
              column.kind !== 'alias' && calls(column)
                ? { kind: 'alias', expr: column, name: columnName(column) }
                : column,
            ),
          }
        : query,
  })
  return rewrite(named, {
    expr: (node) =>
      node.kind === 'call' && functions.has(node.name) ? { ...node, name: functions.get(node.name)! } : node,
  })
}

function selectOf(expr: Expr): Query {
  return { kind: 'select', with: [], columns: [expr] }
}
