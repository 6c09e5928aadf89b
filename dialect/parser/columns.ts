import type { ColumnDef, Expr, FamilyDef, IndexDef, TtlItem } from '../ast.js'
import type { Cursor } from './cursor.js'
import { parseExpr, parseExprList } from './expressions.js'
import { parseType } from './types.js'

/** What stands between the brackets of CREATE STREAM. */
export interface ColumnList {
  columns: ColumnDef[]
  indexes: IndexDef[]
  families: FamilyDef[]
  primaryKey?: Expr
}

/** `(col type …, INDEX …, FAMILY …, PRIMARY KEY …)`. */
export function parseColumnList(c: Cursor): ColumnList {
  const list: ColumnList = { columns: [], indexes: [], families: [] }
  c.expect('(')
  c.nested(() =>
    c.list(() => {
      if (isIndex(c)) {
        c.next()
        list.indexes.push(parseIndex(c))
      } else if (c.keyword('FAMILY') && (c.symbolAt(1, '(') || c.symbolAt(2, '('))) {
        list.families.push(parseFamily(c))
      } else if (c.takeKeyword('PRIMARY KEY')) {
        if (list.primaryKey) c.rule('Multiple primary keys are not allowed.')
        list.primaryKey = parseExpr(c)
      } else {
        list.columns.push(parseColumn(c))
      }
    }),
  )
  c.expect(')')
  return list
}

/** The index that a server's SHOW CREATE prints for everything that has rows; it is no part of a definition. */
const TIME_INDEX = '_tp_time_index'

/** `(columns)` of an object that has neither indexes nor families. */
export function parsePlainColumns(c: Cursor): ColumnDef[] {
  const at = c.token
  const list = parseColumnList(c)
  const indexes = list.indexes.filter((index) => index.name !== TIME_INDEX)
  if (indexes.length + list.families.length > 0) c.rule('Only columns are allowed here', at)
  return list.columns
}

/** `INDEX i (…)`, but not a column that is called index: `index string,`. */
function isIndex(c: Cursor): boolean {
  if (!c.keyword('INDEX') || !c.isName(1)) return false
  return c.symbolAt(2, '(')
    ? !c.symbolAt(c.partner(2) + 1, ',') || !isTypeWithArgs(c)
    : c.isName(2) && !isColumnWord(c)
}

const TYPES_WITH_ARGS =
  /^(array|map|tuple|nullable|low_cardinality|datetime|datetime64|decimal\w*|fixed_string|enum\w*)$/i

function isTypeWithArgs(c: Cursor): boolean {
  return TYPES_WITH_ARGS.test(c.peek(1).text)
}

const COLUMN_WORDS = new Set([
  'DEFAULT',
  'MATERIALIZED',
  'ALIAS',
  'EPHEMERAL',
  'COMMENT',
  'CODEC',
  'TTL',
  'NOT',
  'NULL',
])

function isColumnWord(c: Cursor): boolean {
  return COLUMN_WORDS.has(c.peek(2).upper)
}

/** `name expr [UNIQUE] [STORING (…)] [TYPE t [GRANULARITY n]]`, behind the word INDEX. */
export function parseIndex(c: Cursor): IndexDef {
  const start = c.index
  const name = c.name('index name')
  const index: IndexDef = { name, expr: parseExpr(c) }
  if (c.takeKeyword('UNIQUE')) index.unique = true
  if (c.takeKeyword('STORING')) {
    c.expect('(')
    index.storing = parseExprList(c)
    c.expect(')')
  }
  if (c.takeKeyword('TYPE')) index.type = parseExpr(c)
  if (c.takeKeyword('GRANULARITY')) {
    if (c.token.kind !== 'number') c.fail('number')
    index.granularity = c.next().text
  }
  return { ...index, span: c.span(start) }
}

function parseFamily(c: Cursor): FamilyDef {
  const start = c.index
  c.expectKeyword('FAMILY')
  const name = c.is('(') ? '' : c.name('family name')
  c.expect('(')
  const columns = c.list(() => c.name())
  c.expect(')')
  return { name, columns, span: c.span(start) }
}

const DEFAULT_KINDS = {
  DEFAULT: 'default',
  MATERIALIZED: 'materialized',
  ALIAS: 'alias',
  EPHEMERAL: 'ephemeral',
} as const

/** `name [type] [DEFAULT e] [[NOT] NULL] [AUTO_INCREMENT] [COMMENT s] [CODEC(…)] [TTL e]`. */
export function parseColumn(c: Cursor, typeRequired = true): ColumnDef {
  const start = c.index
  let name = c.name('column name')
  while (c.take('.')) name += `.${c.name()}`
  const column: ColumnDef = { name }
  if (c.isName() && !COLUMN_WORDS.has(c.token.upper) && !c.keyword('AFTER') && !c.keyword('FIRST')) {
    column.type = parseType(c)
  }
  for (const [word, kind] of Object.entries(DEFAULT_KINDS)) {
    if (!c.takeKeyword(word)) continue
    const withoutExpr = kind === 'ephemeral' && (c.is(',') || c.is(')') || c.atEnd)
    column.default = withoutExpr ? { kind } : { kind, expr: parseExpr(c) }
    break
  }
  if (typeRequired && !column.type && !column.default) c.fail('data type')
  if (column.type && c.takeKeyword('NULL')) {
    column.type = { name: 'nullable', args: [{ kind: 'type', type: column.type }] }
  } else {
    c.takeKeyword('NOT NULL')
  }
  if (c.takeKeyword('AUTO_INCREMENT')) column.autoIncrement = true
  if (c.takeKeyword('COMMENT')) column.comment = c.string()
  if (c.takeKeyword('CODEC')) {
    c.expect('(')
    column.codec = parseExprList(c)
    c.expect(')')
  }
  if (c.takeKeyword('TTL')) column.ttl = parseExpr(c)
  return { ...column, span: c.span(start) }
}

/** `expr [DELETE | RECOMPRESS CODEC(…) | TO DISK 'd' | TO VOLUME 'v'] [WHERE e], …`. */
export function parseTtl(c: Cursor): TtlItem[] {
  return c.list(() => parseTtlItem(c))
}

export function parseTtlItem(c: Cursor): TtlItem {
  const start = c.index
  const item: TtlItem = { expr: parseExpr(c) }
  if (c.takeKeyword('DELETE')) {
    item.action = { kind: 'delete' }
  } else if (c.takeKeyword('RECOMPRESS')) {
    c.expectKeyword('CODEC')
    c.expect('(')
    const codecs = parseExprList(c)
    c.expect(')')
    item.action = { kind: 'recompress', target: { kind: 'call', name: 'CODEC', args: codecs } }
  } else if (c.takeKeyword('TO DISK')) {
    item.action = { kind: 'to_disk', target: { kind: 'literal', type: 'string', value: c.string() } }
  } else if (c.takeKeyword('TO VOLUME')) {
    item.action = { kind: 'to_volume', target: { kind: 'literal', type: 'string', value: c.string() } }
  }
  if (c.takeKeyword('WHERE')) item.where = parseExpr(c)
  return { ...item, span: c.span(start) }
}
