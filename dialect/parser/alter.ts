import type { Alter, AlterAction, Expr } from '../ast.js'
import { parseColumn, parseIndex, parseTtlItem } from './columns.js'
import { parseCollectionEntry } from './create_other.js'
import type { Cursor } from './cursor.js'
import { parseExpr } from './expressions.js'
import { isQuery } from './lookahead.js'
import { parseQuery } from './select.js'
import { parseSetting, parseTail } from './settings.js'
import { parseQualifiedName } from './tables.js'

const OBJECTS: [words: string, object: Alter['object']][] = [
  ['STREAM', 'stream'],
  ['TABLE', 'stream'],
  ['MATERIALIZED VIEW', 'view'],
  ['VIEW', 'view'],
  ['DATABASE', 'database'],
  ['FORMAT SCHEMA', 'format_schema'],
  ['NAMED COLLECTION', 'named_collection'],
]

/** `ALTER STREAM s action, …`; undefined if the kind of object is unknown. */
export function parseAlter(c: Cursor): Alter | undefined {
  const start = c.index
  const found = OBJECTS.find(([words]) => c.keyword(words, 1))
  if (!found) {
    if (!c.strict) return undefined
    c.next()
    c.fail(...OBJECTS.map(([words]) => words))
  }
  c.index += 1 + found[0].split(' ').length
  const name = parseQualifiedName(c)
  const spanned = (parse: Action): AlterAction => {
    const from = c.index
    return { ...parse(c), span: c.span(from) }
  }
  const actions = found[1] === 'named_collection' ? parseKeys(c, spanned) : c.list(() => spanned(parseAction))
  return { kind: 'alter', object: found[1], name, actions, ...parseTail(c), span: c.span(start) }
}

type Action = (c: Cursor) => AlterAction

/** `SET k = v, …` and `DELETE k, …`, one or both. */
function parseKeys(c: Cursor, spanned: (parse: Action) => AlterAction): AlterAction[] {
  const actions: AlterAction[] = []
  if (c.keyword('SET')) {
    actions.push(
      spanned(() => {
        c.next()
        return { kind: 'set_keys', entries: c.list(() => parseCollectionEntry(c)) }
      }),
    )
  }
  if (c.keyword('DELETE')) {
    actions.push(
      spanned(() => {
        c.next()
        return { kind: 'delete_keys', names: c.list(() => c.name('key')) }
      }),
    )
  }
  if (actions.length === 0) c.fail('SET', 'DELETE')
  return actions
}

/** The first words that match decide. */
const ACTIONS: [words: string, parse: Action][] = [
  ['ADD COLUMN', parseAddColumn],
  [
    'DROP COLUMN',
    (c) => ({ kind: 'drop_column', ifExists: c.takeKeyword('IF EXISTS'), name: columnName(c) }),
  ],
  ['RENAME COLUMN', parseRenameColumn],
  ['MODIFY COLUMN', parseModifyColumn],
  ['ALTER COLUMN', parseModifyColumn],
  ['COMMENT COLUMN', parseCommentColumn],
  ['MODIFY TTL', (c) => ({ kind: 'modify_ttl', ttl: sublist(c, parseTtlItem) })],
  ['REMOVE TTL', () => ({ kind: 'remove_ttl' })],
  ['MODIFY SETTING', (c) => ({ kind: 'modify_setting', settings: sublist(c, parseSetting) })],
  ['RESET SETTING', (c) => ({ kind: 'reset_setting', names: sublist(c, (x) => x.name()) })],
  ['MODIFY QUERY SETTING', (c) => ({ kind: 'modify_query_setting', settings: sublist(c, parseSetting) })],
  ['RESET QUERY SETTING', (c) => ({ kind: 'reset_query_setting', names: sublist(c, (x) => x.name()) })],
  ['MODIFY QUERY', parseModifyQuery],
  ['MODIFY COMMENT', (c) => ({ kind: 'modify_comment', comment: c.string() })],
  ['ADD INDEX', parseAddIndex],
  ['DROP INDEX', (c) => indexAction(c, 'drop_index')],
  ['MATERIALIZE INDEX', (c) => indexAction(c, 'materialize_index')],
  ['CLEAR INDEX', (c) => indexAction(c, 'clear_index')],
  ['DROP PARTITION', (c) => ({ kind: 'drop_partition', partition: parsePartition(c) })],
  ['DELETE', parseDelete],
]

/** A list inside an action: a comma with another action behind ends it. */
function sublist<T>(c: Cursor, item: (c: Cursor) => T): T[] {
  const items = [item(c)]
  while (c.is(',') && !ACTIONS.some(([words]) => c.keyword(words, 1))) {
    c.next()
    items.push(item(c))
  }
  return items
}

function parseAction(c: Cursor): AlterAction {
  for (const [words, parse] of ACTIONS) {
    if (c.takeKeyword(words)) return parse(c)
  }
  if (c.strict || !c.isName()) c.fail(...ACTIONS.map(([words]) => words))
  return parseOther(c)
}

/** An action newer than this parser: its tokens up to the next action. */
function parseOther(c: Cursor): AlterAction {
  const from = c.index
  while (!c.atEnd && !c.is(',') && c.token.kind !== 'error') {
    const skip = c.is('(') ? c.partner() : 0
    if (skip < 0) c.fail(')')
    c.index += skip + 1
  }
  const text = c
    .slice(from)
    .map((t) => t.text)
    .join(' ')
  return { kind: 'other', text }
}

function columnName(c: Cursor): string {
  let name = c.name('column name')
  while (c.take('.')) name += `.${c.name()}`
  return name
}

function parseAddColumn(c: Cursor): AlterAction {
  const ifNotExists = c.takeKeyword('IF NOT EXISTS')
  const column = parseColumn(c)
  if (c.takeKeyword('FIRST')) return { kind: 'add_column', column, ifNotExists, first: true }
  if (c.takeKeyword('AFTER')) return { kind: 'add_column', column, ifNotExists, after: columnName(c) }
  return { kind: 'add_column', column, ifNotExists }
}

function parseRenameColumn(c: Cursor): AlterAction {
  const ifExists = c.takeKeyword('IF EXISTS')
  const from = columnName(c)
  c.expectKeyword('TO')
  return { kind: 'rename_column', from, to: columnName(c), ifExists }
}

function parseModifyColumn(c: Cursor): AlterAction {
  const ifExists = c.takeKeyword('IF EXISTS')
  return { kind: 'modify_column', column: parseColumn(c, false), ifExists }
}

function parseCommentColumn(c: Cursor): AlterAction {
  const name = columnName(c)
  return { kind: 'comment_column', name, comment: c.string() }
}

/** 1.6 and 3.x also write `MODIFY QUERY SETTING k = v`, which stands before this one in the table. */
function parseModifyQuery(c: Cursor): AlterAction {
  if (!isQuery(c)) c.fail('SETTING', 'SELECT')
  return { kind: 'modify_query', query: parseQuery(c) }
}

function parseAddIndex(c: Cursor): AlterAction {
  const ifNotExists = c.takeKeyword('IF NOT EXISTS')
  return { kind: 'add_index', index: parseIndex(c), ifNotExists }
}

function indexAction(c: Cursor, kind: 'drop_index' | 'materialize_index' | 'clear_index'): AlterAction {
  c.takeKeyword('IF EXISTS')
  const name = c.name('index name')
  return c.takeKeyword('IN PARTITION') ? { kind, name, partition: parsePartition(c) } : { kind, name }
}

/** A partition's value, or `ID 'x'`. */
function parsePartition(c: Cursor): Expr {
  if (c.keyword('ID') && c.isString(1)) {
    c.next()
    return { kind: 'call', name: 'ID', args: [{ kind: 'literal', type: 'string', value: c.string() }] }
  }
  return parseExpr(c)
}

function parseDelete(c: Cursor): AlterAction {
  c.expectKeyword('WHERE')
  return { kind: 'delete', where: parseExpr(c) }
}
