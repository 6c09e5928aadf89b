import type { Expr, Insert, QualifiedName, Star, TableFunction } from '../ast.js'
import type { Cursor } from './cursor.js'
import { parseExprWithAlias } from './expressions.js'
import { isQuery } from './lookahead.js'
import { parsePrimary } from './primary.js'
import { parseQueryWithOutput } from './select.js'
import { parseSettingsClause } from './settings.js'
import { parseQualifiedName, parseTableFunction } from './tables.js'

/** `INSERT INTO [STREAM] s [(columns)] [SETTINGS …] VALUES … | FORMAT f data | query | FROM INFILE 'p'`. */
export function parseInsert(c: Cursor): Insert {
  const start = c.index
  c.expectKeyword('INSERT INTO')
  if ((c.keyword('TABLE') || c.keyword('STREAM')) && c.isName(1) && !c.keyword('VALUES', 1)) c.next()
  const into = parseTarget(c)
  const columns = c.is('(') && !isQuery(c) ? parseInsertColumns(c) : undefined
  const infile = c.takeKeyword('FROM INFILE') ? c.string() : undefined
  const settings = parseSettingsClause(c)
  const source = infile === undefined ? parseSource(c) : parseInfile(c, infile)
  return {
    kind: 'insert',
    into,
    ...(columns ? { columns } : {}),
    ...(settings ? { settings } : {}),
    source,
    span: c.span(start),
  }
}

function parseTarget(c: Cursor): QualifiedName | TableFunction {
  if (!c.takeKeyword('FUNCTION')) return parseQualifiedName(c)
  const at = c.token
  if (!c.symbolAt(1, '(')) c.fail('function')
  const table = parseTableFunction(c)
  if (table.kind !== 'table_function')
    c.rule('A stream function with positional arguments is expected here', at)
  return table
}

function parseInsertColumns(c: Cursor): (string | Star)[] {
  c.expect('(')
  const columns = c.list((): string | Star => {
    if (c.is('*') || (c.keyword('COLUMNS') && c.symbolAt(1, '('))) {
      const at = c.token
      const star = parsePrimary(c)
      if (star.kind !== 'star') c.rule('A column is expected here', at)
      return star
    }
    let name = c.name('column name')
    while (c.take('.')) name += `.${c.name()}`
    return name
  })
  c.expect(')')
  return columns
}

function parseInfile(c: Cursor, path: string): Insert['source'] {
  const format = c.takeKeyword('FORMAT') ? c.name('format') : undefined
  return { kind: 'infile', path, ...(format === undefined ? {} : { format }) }
}

function parseSource(c: Cursor): Insert['source'] {
  if (c.takeKeyword('VALUES')) return { kind: 'values', rows: parseRows(c) }
  if (c.takeKeyword('FORMAT')) return parseFormat(c)
  if (isQuery(c)) return { kind: 'query', query: parseQueryWithOutput(c) }
  if (c.atEnd) return { kind: 'none' }
  c.fail('VALUES', 'FORMAT', 'SELECT', 'WITH', 'SETTINGS')
}

/** Rows of VALUES; the comma between them may be missing, as in Proton's Values format. */
function parseRows(c: Cursor): Expr[][] {
  const rows: Expr[][] = []
  while (c.is('(')) {
    c.next()
    rows.push(c.is(')') ? [] : c.list(() => parseExprWithAlias(c)))
    c.expect(')')
    c.take(',')
  }
  return rows
}

/** The data begins behind blanks and the first line break after the format's name. It is not lexed. */
function parseFormat(c: Cursor): Insert['source'] {
  const format = c.name('format')
  let at = c.last!.end
  const s = c.source
  if (s[at] === ';') return { kind: 'format', format, dataStart: at }
  while (s[at] === ' ' || s[at] === '\t' || s[at] === '\f') at++
  if (s[at] === '\r') at++
  if (s[at] === '\n') at++
  return { kind: 'format', format, dataStart: at }
}
