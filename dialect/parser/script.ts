import type { Expr, QualifiedName, Query, Span, Statement, TypeNode } from '../ast.js'
import type { Comment } from '../lexer.js'
import { type Cursor, type ParseOptions, run } from './cursor.js'
import { parseExprWithAlias } from './expressions.js'
import { parseQuery as query } from './select.js'
import { parseOne } from './statement.js'
import { parseType as type } from './types.js'

export interface ScriptStatement {
  statement: Statement
  /** The statement's text in the script, inline data included, the `;` excluded. */
  span: Span
  /** Comments between the statement before and this one, as written. */
  leadingComments: string[]
}

/** One statement, perhaps with a `;` behind it. */
export function parseStatement(sql: string, options: ParseOptions = {}): Statement {
  return run(sql, options, (c) => {
    if (c.atEnd) throw c.error('empty', c.token)
    const statement = parseOne(c)
    if (!hasInlineData(statement)) expectEnd(c)
    return withDependencies(statement, c.comments())
  })
}

/** The statements of a script, split at `;`. Empty ones are skipped. */
export function parseStatements(sql: string, options: ParseOptions = {}): ScriptStatement[] {
  const found: ScriptStatement[] = []
  let at = 0
  for (;;) {
    const next = run(sql, options, (c) => nextStatement(c, at), at)
    if (!next) return found
    if (next.result) found.push(next.result)
    at = next.end
  }
}

interface Step {
  result?: ScriptStatement
  end: number
}

function nextStatement(c: Cursor, from: number): Step | undefined {
  if (c.token.kind === 'end') return undefined
  if (c.is(';')) return { end: c.token.end }
  const start = c.token.start
  const leading = c.comments().filter((comment) => comment.end <= start)
  const statement = parseOne(c)
  let end = c.last?.end ?? from
  let textEnd = end
  if (hasInlineData(statement)) {
    const data = inlineDataEnd(c.source, statement.source.dataStart)
    statement.source.dataEnd = data.textEnd
    textEnd = data.textEnd
    end = data.end
  } else {
    if (!c.atEnd) c.fail('end of query', ';')
    end = c.token.end
  }
  const inside = c.comments().filter((comment) => comment.start < textEnd)
  const result: ScriptStatement = {
    statement: withDependencies(statement, inside),
    span: { start, end: textEnd },
    leadingComments: leading.map((comment) => comment.text),
  }
  return { result, end }
}

function hasInlineData(statement: Statement): statement is Statement & {
  kind: 'insert'
  source: { kind: 'format'; dataStart: number; dataEnd?: number }
} {
  return statement.kind === 'insert' && statement.source.kind === 'format'
}

/** Inline data ends at a blank line, behind a line that ends in `;`, or with the text. */
function inlineDataEnd(source: string, start: number): { textEnd: number; end: number } {
  if (source[start] === ';') return { textEnd: start, end: start + 1 }
  for (let at = start; at < source.length; ) {
    const newline = source.indexOf('\n', at)
    const lineEnd = newline < 0 ? source.length : newline
    const line = source.slice(at, lineEnd).trimEnd()
    if (line === '') return { textEnd: at, end: lineEnd }
    if (line.endsWith(';')) return { textEnd: at + line.length - 1, end: at + line.length }
    if (newline < 0) break
    at = newline + 1
  }
  return { textEnd: source.length, end: source.length }
}

function expectEnd(c: Cursor): void {
  if (!c.atEnd) c.fail('end of query')
  while (c.is(';')) c.next()
  if (c.token.kind !== 'end') throw c.error('multi', c.token)
}

/** An opaque statement says what it needs in a comment: `-- @depends a, db.b`. */
function withDependencies(statement: Statement, comments: readonly Comment[]): Statement {
  if (statement.kind !== 'opaque') return statement
  return { ...statement, depends: comments.flatMap((comment) => dependsOf(comment.text)) }
}

function dependsOf(comment: string): QualifiedName[] {
  const match = /@depends[:\s]+([\w.`,\s]+)/.exec(comment)
  if (!match) return []
  const names = match[1]!.split(',').map((name) => name.trim().replaceAll('`', ''))
  return names.filter(Boolean).map((full): QualifiedName => {
    const [first, second] = full.split('.')
    return second === undefined ? { name: first! } : { database: first!, name: second }
  })
}

function whole<T>(sql: string, options: ParseOptions, body: (c: Cursor) => T): T {
  return run(sql, options, (c) => {
    const result = body(c)
    if (c.token.kind !== 'end') c.fail('end of text')
    return result
  })
}

/** A query without statement parts: no FORMAT, no INTO OUTFILE. */
export function parseQuery(sql: string, options: ParseOptions = {}): Query {
  return whole(sql, options, query)
}

export function parseExpression(sql: string, options: ParseOptions = {}): Expr {
  return whole(sql, options, parseExprWithAlias)
}

export function parseType(sql: string, options: ParseOptions = {}): TypeNode {
  return whole(sql, options, type)
}
