import type { CreateDictionary, Expr, ObjectKind, QualifiedName, Query, Select, Statement } from './ast.js'
import { parseStatement } from './parser/script.js'
import { isExpr, isQueryNode, isTableNode, visit } from './walk.js'

/**
 * The relations that a statement needs: what its queries read (also behind IN, and the dictionaries of
 * `dict_get('d', …)`), the target it writes to or is about, a dictionary's source, and what an opaque
 * statement declares. Names of common table expressions are left out; each name comes once.
 */
export function dependencies(statement: Statement): QualifiedName[] {
  const found = new Map<string, QualifiedName>()
  const add = (name: QualifiedName): void => {
    const key = name.database === undefined ? name.name : `${name.database}.${name.name}`
    const plain =
      name.database === undefined ? { name: name.name } : { database: name.database, name: name.name }
    if (!found.has(key)) found.set(key, plain)
  }
  for (const name of targets(statement)) add(name)
  collect(statement, new Set(), add)
  return [...found.values()]
}

/** The relations that the statement names outside its queries. */
function targets(s: Statement): QualifiedName[] {
  switch (s.kind) {
    case 'create_stream':
      return s.as && !('kind' in s.as) ? [s.as] : []
    case 'create_materialized_view':
      return s.into ? [s.into] : []
    case 'create_task':
      return [s.into]
    case 'create_dictionary':
      return [...s.dependencies, ...dictionaryQuery(s)]
    case 'insert':
      return 'kind' in s.into ? [] : [s.into]
    case 'delete':
      return [s.from]
    case 'alter':
      return s.object === 'stream' || s.object === 'view' ? [s.name] : []
    case 'truncate':
    case 'optimize':
      return [s.name]
    case 'rename':
      return s.object === 'database' ? [] : s.pairs.map((pair) => pair.from)
    case 'system':
      return s.target && s.command.endsWith('MATERIALIZED VIEW') ? [s.target] : []
    case 'opaque':
      return s.depends
    case 'access':
      return (s.on ?? []).filter((name) => name.name !== '*' && name.database !== '*')
    default:
      return []
  }
}

/** The streams in `SOURCE(TIMEPLUS(QUERY 'SELECT …'))`. */
function dictionaryQuery(s: CreateDictionary): QualifiedName[] {
  const source = s.clauses.find((clause) => clause.name === 'SOURCE')?.text
  const match = source === undefined ? null : /^TIMEPLUS\b.*?\bQUERY\s+('(?:[^'\\]|\\.|'')*')/is.exec(source)
  if (!match) return []
  try {
    const text = parseStatement(`SELECT ${match[1]}`)
    const value = text.kind === 'query' && text.query.kind === 'select' ? text.query.columns[0] : undefined
    return value?.kind === 'literal' && value.type === 'string'
      ? dependencies(parseStatement(value.value))
      : []
  } catch {
    // A query in a language that this parser does not know has no dependencies that can be told.
    return []
  }
}

type Scope = ReadonlySet<string>

function collect(node: object, scope: Scope, add: (name: QualifiedName) => void): void {
  if (Array.isArray(node)) {
    for (const item of node)
      if (typeof item === 'object' && item !== null) collect(item as object, scope, add)
    return
  }
  if (isQueryNode(node)) {
    collectQuery(node, scope, add)
    return
  }
  if (isTableNode(node) && node.kind === 'table') addUnlessLocal(node.name, scope, add)
  if (isExpr(node)) collectExpr(node, scope, add)
  collectInside(node, scope, add)
}

function collectInside(node: object, scope: Scope, add: (name: QualifiedName) => void): void {
  for (const [key, value] of Object.entries(node)) {
    if (key !== 'span' && typeof value === 'object' && value !== null) collect(value as object, scope, add)
  }
}

function addUnlessLocal(name: QualifiedName, scope: Scope, add: (name: QualifiedName) => void): void {
  if (name.database !== undefined || !scope.has(name.name)) add(name)
}

function collectQuery(query: Query, scope: Scope, add: (name: QualifiedName) => void): void {
  if (query.kind === 'union') {
    collectInside(query, scope, add)
    return
  }
  const inner = new Set(scope)
  // Each name is known to the items behind it and to the query itself.
  for (const item of query.with) {
    collect(item.kind === 'cte' ? item.query : item.expr, inner, add)
    inner.add(item.name)
  }
  const { with: _with, ...rest } = query as Select
  collectInside(rest, inner, add)
}

function collectExpr(e: Expr, scope: Scope, add: (name: QualifiedName) => void): void {
  if (e.kind === 'in' && e.list.kind === 'column' && e.list.path.length <= 2) {
    const [first, second] = e.list.path
    addUnlessLocal(second === undefined ? { name: first! } : { database: first!, name: second }, scope, add)
  }
  if (e.kind === 'call' && /^(dict_(get|has|is_in)|join_get)/i.test(e.name)) {
    const first = e.args[0]
    if (first?.kind !== 'literal' || first.type !== 'string') return
    const [database, name] = first.value.split('.')
    add(name === undefined ? { name: database! } : { database: database!, name })
  }
}

/** Names of the functions that a statement calls, as written, each once; also the one an alert calls. */
export function functionsUsed(statement: Statement): string[] {
  const names = new Set<string>()
  visit(statement, {
    expr: (e) => {
      if (e.kind === 'call') names.add(e.name)
    },
  })
  if (statement.kind === 'create_alert') names.add(statement.call)
  return [...names]
}

export interface CreatedObject {
  /** `unknown` for an opaque statement. */
  kind: ObjectKind | 'unknown'
  name: QualifiedName
}

const CREATED_KINDS: Partial<Record<Statement['kind'], ObjectKind>> = {
  create_stream: 'stream',
  create_external_stream: 'external_stream',
  create_external_table: 'external_table',
  create_random_stream: 'random_stream',
  create_view: 'view',
  create_materialized_view: 'materialized_view',
  create_function: 'function',
  create_format_schema: 'format_schema',
  create_named_collection: 'named_collection',
  create_database: 'database',
  create_dictionary: 'dictionary',
  create_task: 'task',
  create_alert: 'alert',
}

/** What the statement creates, if it creates something. */
export function createdObject(statement: Statement): CreatedObject | undefined {
  if (statement.kind === 'opaque') return statement.name && { kind: 'unknown', name: statement.name }
  if (statement.kind === 'access') {
    const { action, object, names } = statement
    const known = object !== undefined && object !== 'settings_profile' && names[0] !== undefined
    return action === 'create' && known ? { kind: object, name: { name: names[0]! } } : undefined
  }
  const kind = CREATED_KINDS[statement.kind]
  return kind !== undefined && 'name' in statement && typeof statement.name === 'object'
    ? { kind, name: statement.name }
    : undefined
}
