import type { Expr, FrameBound, FunctionCall, IntervalUnit, OrderItem, WindowDef } from '../ast.js'
import { SqlSyntaxError } from '../errors.js'
import { type Cursor, run } from './cursor.js'
import { bracketed, parseExpr, parseExprList, parseExprWithAlias } from './expressions.js'
import { parseUnit, unitAt } from './interval.js'
import { isQuery } from './lookahead.js'
import { parseQuery } from './select.js'
import { parseType } from './types.js'

/** Calls with a grammar of their own; undefined means "an ordinary call after all". */
type Special = (c: Cursor, start: number) => Expr | undefined

const SPECIAL: Record<string, Special> = {
  cast: parseCast,
  extract: parseExtract,
  exists: parseExists,
  substring: (c, start) => parseSubstring(c, start),
  position: parsePosition,
  trim: parseTrim,
  date_add: (c, start) => parseDateAdd(c, start, '+'),
  timestamp_add: (c, start) => parseDateAdd(c, start, '+'),
  date_sub: (c, start) => parseDateAdd(c, start, '-'),
  timestamp_sub: (c, start) => parseDateAdd(c, start, '-'),
  date_diff: parseDateDiff,
  timestamp_diff: parseDateDiff,
}

/** `name(…)`, with `DISTINCT`, parameters, `FILTER` and `OVER`. */
export function parseCall(c: Cursor): Expr {
  const start = c.index
  const name = c.name()
  c.expect('(')
  return c.nested(() =>
    bracketed(c, () => {
      const special = Object.hasOwn(SPECIAL, name.toLowerCase()) ? SPECIAL[name.toLowerCase()] : undefined
      return special?.(c, start) ?? parsePlainCall(c, name, start)
    }),
  )
}

function parsePlainCall(c: Cursor, name: string, start: number): Expr {
  if (name.toLowerCase() === 'to_date') refuseBareDate(c)
  const node: FunctionCall = { kind: 'call', name, args: [] }
  if (takeQuantifier(c, 'DISTINCT')) node.distinct = true
  else takeQuantifier(c, 'ALL')
  node.args = parseArgs(c)
  if (c.is('(')) {
    c.next()
    node.parameters = node.args
    if (takeQuantifier(c, 'DISTINCT')) node.distinct = true
    node.args = parseArgs(c)
  }
  if (c.keyword('FILTER') && c.symbolAt(1, '(')) {
    c.index += 2
    c.expectKeyword('WHERE')
    node.filter = parseExprWithAlias(c)
    c.expect(')')
  }
  if (c.takeKeyword('OVER')) node.over = c.is('(') ? parseWindow(c) : c.name('window name')
  return { ...node, span: c.span(start) }
}

/** `DISTINCT` and `ALL` are words of the call unless they are its whole first argument. */
function takeQuantifier(c: Cursor, word: string): boolean {
  if (!c.keyword(word) || c.symbolAt(1, ',') || c.symbolAt(1, ')')) return false
  c.next()
  return true
}

function parseArgs(c: Cursor): Expr[] {
  const args = c.is(')') ? [] : parseExprList(c)
  c.expect(')')
  return args
}

/** `to_date(2014-01-01)` is a subtraction that nobody means. */
function refuseBareDate(c: Cursor): void {
  const text = [0, 1, 2, 3, 4].map((i) => c.peek(i))
  const last = text[4]!
  if (last.end - text[0]!.start !== 10 || !c.symbolAt(5, ')')) return
  const written = c.source.slice(text[0]!.start, last.end)
  if (!/^[23]\d{3}-\d\d-\d\d$/.test(written)) return
  c.rule(`Argument of function to_date is unquoted: to_date(${written}), must be: to_date('${written}')`)
}

function call(c: Cursor, name: string, args: Expr[], start: number): Expr {
  c.expect(')')
  return { kind: 'call', name, args, span: c.span(start) }
}

const text = (value: string): Expr => ({ kind: 'literal', type: 'string', value })

function parseCast(c: Cursor, start: number): Expr {
  const expr = parseExpr(c)
  if (c.takeKeyword('AS')) {
    const type = parseType(c)
    c.expect(')')
    return { kind: 'cast', expr, type, span: c.span(start) }
  }
  c.expect(',')
  const type = parseExpr(c)
  const node = call(c, 'cast', [expr, type], start)
  if (type.kind !== 'literal' || type.type !== 'string') return node
  const parsed = typeInString(type.value)
  return parsed ? { kind: 'cast', expr, type: parsed, span: c.span(start) } : node
}

function typeInString(value: string): ReturnType<typeof parseType> | undefined {
  try {
    return run(value, {}, (c) => {
      const type = parseType(c)
      return c.token.kind === 'end' ? stripSpans(type) : undefined
    })
  } catch (error) {
    if (error instanceof SqlSyntaxError) return undefined
    throw error
  }
}

/** Spans inside a type that stood in a string point nowhere. */
function stripSpans<T>(node: T): T {
  return JSON.parse(JSON.stringify(node, (key, value: unknown) => (key === 'span' ? undefined : value))) as T
}

function parseExtract(c: Cursor, start: number): Expr | undefined {
  if (unitAt(c) === undefined || !c.keyword('FROM', 1)) return undefined
  const unit = parseUnit(c)
  c.expectKeyword('FROM')
  const expr = parseExpr(c)
  c.expect(')')
  return { kind: 'extract', unit, expr, span: c.span(start) }
}

function parseExists(c: Cursor, start: number): Expr | undefined {
  if (!isQuery(c)) return undefined
  const query = parseQuery(c)
  c.expect(')')
  return { kind: 'exists', query, span: c.span(start) }
}

function parseSubstring(c: Cursor, start: number): Expr | undefined {
  const args = [parseExpr(c)]
  if (c.takeKeyword('FROM')) {
    args.push(parseExpr(c))
    if (c.takeKeyword('FOR')) args.push(parseExpr(c))
  } else {
    while (c.take(',')) args.push(parseExprWithAlias(c))
  }
  return call(c, 'substring', args, start)
}

/** `position(needle IN haystack)`. */
function parsePosition(c: Cursor, start: number): Expr | undefined {
  const args = parseExprList(c)
  const only = args[0]!
  if (args.length === 1 && only.kind === 'in' && !only.not) {
    const { list } = only
    const haystack = list.kind === 'tuple' && list.items.length === 1 ? list.items[0]! : list
    return call(c, 'position', [haystack, only.expr], start)
  }
  return call(c, 'position', args, start)
}

/** `trim(BOTH 'x' FROM s)` is a regular expression in Proton, and so it is here. */
function parseTrim(c: Cursor, start: number): Expr | undefined {
  const side = c.keyword('BOTH')
    ? 'BOTH'
    : c.keyword('LEADING')
      ? 'LEADING'
      : c.keyword('TRAILING')
        ? 'TRAILING'
        : ''
  if (side === '' || c.symbolAt(1, ',') || c.symbolAt(1, ')')) return undefined
  c.next()
  const chars = parseExpr(c)
  c.expectKeyword('FROM')
  const subject = parseExpr(c)
  const quoted: Expr = { kind: 'call', name: 'regexp_quote_meta', args: [chars] }
  const parts: Record<string, Expr[]> = {
    BOTH: [text('^['), quoted, text(']*|['), quoted, text(']*$')],
    LEADING: [text('^['), quoted, text(']*')],
    TRAILING: [text('['), quoted, text(']*$')],
  }
  const pattern: Expr = { kind: 'call', name: 'concat', args: parts[side]! }
  const name = side === 'BOTH' ? 'replace_regex' : 'replace_regexp_one'
  return call(c, name, [subject, pattern, text('')], start)
}

/** The unit before a comma in `date_add(MINUTE, 5, t)`. */
function takeUnit(c: Cursor): IntervalUnit | undefined {
  if (unitAt(c) === undefined || !c.symbolAt(1, ',')) return undefined
  const unit = parseUnit(c)
  c.expect(',')
  return unit
}

function parseDateAdd(c: Cursor, start: number, op: '+' | '-'): Expr | undefined {
  const unit = takeUnit(c)
  let left: Expr
  let right: Expr
  if (unit !== undefined) {
    const value = parseExpr(c)
    c.expect(',')
    left = parseExpr(c)
    right = { kind: 'interval', value, unit }
  } else {
    left = parseExprWithAlias(c)
    c.expect(',')
    right = parseExprWithAlias(c)
  }
  c.expect(')')
  return { kind: 'binary', op, left, right, span: c.span(start) }
}

function parseDateDiff(c: Cursor, start: number): Expr | undefined {
  const unit = takeUnit(c)
  const args = parseExprList(c)
  return call(c, 'date_diff', unit === undefined ? args : [text(unit), ...args], start)
}

// ------------------------------------------------------------------ windows and order

/** `(PARTITION BY … ORDER BY … ROWS BETWEEN … AND …)`. */
export function parseWindow(c: Cursor): WindowDef {
  const start = c.index
  c.expect('(')
  const def: WindowDef = { partitionBy: [], orderBy: [] }
  c.nested(() => {
    const clause = c.keyword('PARTITION BY') || c.keyword('ORDER BY') || frameUnit(c) !== undefined
    if (c.isName() && !clause) def.base = c.name()
    if (c.takeKeyword('PARTITION BY')) def.partitionBy = parseExprList(c)
    if (c.takeKeyword('ORDER BY')) def.orderBy = parseOrderBy(c)
    const unit = frameUnit(c)
    if (unit === undefined) return
    c.next()
    if (c.takeKeyword('BETWEEN')) {
      const from = parseFrameBound(c)
      c.expectKeyword('AND')
      def.frame = { unit, start: from, end: parseFrameBound(c) }
    } else {
      def.frame = { unit, start: parseFrameBound(c) }
    }
  })
  c.expect(')')
  return { ...def, span: c.span(start) }
}

function frameUnit(c: Cursor): 'rows' | 'range' | 'groups' | undefined {
  if (c.keyword('ROWS')) return 'rows'
  if (c.keyword('RANGE')) return 'range'
  return c.keyword('GROUPS') ? 'groups' : undefined
}

function parseFrameBound(c: Cursor): FrameBound {
  if (c.takeKeyword('CURRENT ROW')) return { kind: 'current_row' }
  if (c.takeKeyword('UNBOUNDED')) {
    if (c.takeKeyword('PRECEDING')) return { kind: 'unbounded_preceding' }
    c.expectKeyword('FOLLOWING')
    return { kind: 'unbounded_following' }
  }
  const expr = parseExpr(c)
  if (c.takeKeyword('PRECEDING')) return { kind: 'preceding', expr }
  c.expectKeyword('FOLLOWING')
  return { kind: 'following', expr }
}

export function parseOrderBy(c: Cursor): OrderItem[] {
  return c.list(() => {
    const start = c.index
    const item: OrderItem = { expr: parseExprWithAlias(c), descending: false }
    item.descending = c.takeKeyword('DESC') || c.takeKeyword('DESCENDING')
    if (!item.descending && !c.takeKeyword('ASC')) c.takeKeyword('ASCENDING')
    if (c.takeKeyword('NULLS')) {
      if (c.takeKeyword('FIRST')) item.nulls = 'first'
      else {
        c.expectKeyword('LAST')
        item.nulls = 'last'
      }
    }
    if (c.takeKeyword('COLLATE')) item.collate = c.string()
    if (c.takeKeyword('WITH FILL')) {
      item.withFill = {}
      if (c.takeKeyword('FROM')) item.withFill.from = parseExprWithAlias(c)
      if (c.takeKeyword('TO')) item.withFill.to = parseExprWithAlias(c)
      if (c.takeKeyword('STEP')) item.withFill.step = parseExprWithAlias(c)
    }
    return { ...item, span: c.span(start) }
  })
}
