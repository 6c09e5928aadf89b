import type { Describe, Exists_, Explain, Setting, Show, Statement } from '../ast.js'
import { parseTable } from './access.js'
import type { Cursor } from './cursor.js'
import { parseExpr, parseExprWithAlias } from './expressions.js'
import { kindWords, takeObjectKind } from './objects.js'
import { parseTail } from './settings.js'
import { parseQualifiedName, parseSimpleTable } from './tables.js'

/** What SHOW lists, longest words first. `what` of the node is the words in lower snake case. */
const LISTS = [
  'MATERIALIZED VIEWS',
  'NAMED COLLECTIONS',
  'FORMAT SCHEMAS',
  'FILESYSTEM CACHES',
  'CHANGED SETTINGS',
  'CURRENT ROLES',
  'ENABLED ROLES',
  'CURRENT QUOTA',
  'ROW POLICIES',
  'POLICIES',
  'SETTINGS PROFILES',
  'STREAMS',
  'TABLES',
  'VIEWS',
  'DATABASES',
  'FUNCTIONS',
  'PROCESSLIST',
  'DICTIONARIES',
  'TASKS',
  'ALERTS',
  'DISKS',
  'CLUSTERS',
  'SETTINGS',
  'ACCESS',
  'USERS',
  'ROLES',
  'QUOTAS',
  'QUOTA',
  'PRIVILEGES',
  'INDEXES',
  'COLUMNS',
]

/** SHOW in all its forms; undefined if what it shows is unknown. */
export function parseShow(c: Cursor): Show | undefined {
  const start = c.index
  if (c.keyword('CREATE', 1)) return parseShowCreate(c)
  if (c.keyword('GRANTS', 1)) return parseShowGrants(c)
  const skip = c.keyword('TEMPORARY', 1) || c.keyword('FULL', 1) ? 2 : 1
  const words = LISTS.find((list) => c.keyword(list, skip))
  if (words === undefined) {
    if (!c.strict) return undefined
    c.index += skip
    c.fail('CREATE', ...LISTS, 'GRANTS')
  }
  c.index += skip + words.split(' ').length
  const show: Show = { kind: 'show', what: words.toLowerCase().replaceAll(' ', '_') }
  if (c.takeKeyword('FROM') || c.takeKeyword('IN')) {
    const name = parseQualifiedName(c, 'database')
    if (words === 'INDEXES' || words === 'COLUMNS') show.name = name
    else show.from = name.name
  }
  if (words.endsWith('POLICIES') && c.takeKeyword('ON')) show.name = parseTable(c)
  parseShowFilter(c, show)
  if (c.takeKeyword('LIMIT')) show.limit = parseExpr(c)
  return { ...show, ...parseTail(c), span: c.span(start) }
}

function parseShowFilter(c: Cursor, show: Show): void {
  const not = c.keyword('NOT') && (c.keyword('LIKE', 1) || c.keyword('ILIKE', 1))
  if (not) c.next()
  const caseInsensitive = c.keyword('ILIKE')
  if (c.takeKeyword('LIKE') || c.takeKeyword('ILIKE')) {
    show.like = { pattern: c.string(), not, caseInsensitive }
  } else if (c.takeKeyword('WHERE')) {
    show.where = parseExprWithAlias(c)
  }
}

/** `SHOW CREATE [kind] [db.]name [SETTINGS …]`. */
function parseShowCreate(c: Cursor): Show {
  const start = c.index
  c.index += 2
  c.takeKeyword('TEMPORARY')
  const show: Show = { kind: 'show', what: 'create' }
  const object = takeObjectKind(c)
  if (object !== undefined) show.object = object
  if (!c.isName()) c.fail('name', ...kindWords())
  show.name = parseQualifiedName(c)
  if (object === 'row_policy' && c.takeKeyword('ON')) show.on = parseQualifiedName(c)
  return { ...show, ...parseTail(c), span: c.span(start) }
}

function parseShowGrants(c: Cursor): Show {
  const start = c.index
  c.index += 2
  const show: Show = { kind: 'show', what: 'grants' }
  if (c.takeKeyword('FOR')) show.name = parseQualifiedName(c, 'user')
  return { ...show, ...parseTail(c), span: c.span(start) }
}

/** `DESCRIBE [STREAM | TABLE] t`, of a stream, a stream function or a subquery. */
export function parseDescribe(c: Cursor): Describe {
  const start = c.index
  c.next()
  if ((c.keyword('TABLE') || c.keyword('STREAM')) && (c.isName(1) || c.symbolAt(1, '('))) {
    // `DESCRIBE table(t)` is the function; `DESCRIBE TABLE (SELECT …)` has the word and a subquery.
    const query = c.keyword('SELECT', 2) || c.keyword('WITH', 2) || c.symbolAt(2, '(')
    if (c.isName(1) || query) c.next()
  }
  const target = parseSimpleTable(c)
  return { kind: 'describe', target, ...parseTail(c), span: c.span(start) }
}

/** `EXISTS [kind] [db.]name`. */
export function parseExistsStatement(c: Cursor): Exists_ {
  const start = c.index
  c.next()
  c.takeKeyword('TEMPORARY')
  const object = takeObjectKind(c) ?? 'stream'
  const name = parseQualifiedName(c)
  return { kind: 'exists_statement', object, name, ...parseTail(c), span: c.span(start) }
}

const VARIANTS: [words: string, variant: Explain['variant']][] = [
  ['QUERY TREE', 'query_tree'],
  ['PIPELINE', 'pipeline'],
  ['SYNTAX', 'syntax'],
  ['ESTIMATE', 'estimate'],
  ['PLAN', 'plan'],
  ['AST', 'ast'],
]

/** `EXPLAIN [variant] [option = value, …] statement`. */
export function parseExplain(c: Cursor, statement: (c: Cursor) => Statement): Explain {
  const start = c.index
  c.next()
  const found = VARIANTS.find(([words]) => c.takeKeyword(words))
  const options: Setting[] = []
  while (c.isName() && c.symbolAt(1, '=')) {
    const name = c.name()
    c.expect('=')
    options.push({ name, value: parseExpr(c) })
    if (!c.take(',')) break
  }
  const inner = c.nested(() => statement(c))
  return {
    kind: 'explain',
    variant: found?.[1] ?? 'plan',
    options,
    statement: inner,
    ...parseTail(c),
    span: c.span(start),
  }
}
