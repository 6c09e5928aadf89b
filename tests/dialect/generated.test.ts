import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Expr,
  hashStatement,
  parseExpression,
  parseStatement,
  parseStatements,
  printExpr,
  printStatement,
  type Query,
  type Select,
  SqlSyntaxError,
  type TableExpr,
  type TypeNode,
} from '../../dialect/index.js'
import { bare } from './support.js'

const name = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'ts',
    'Col',
    'from',
    'select',
    'a b',
    'é`x',
    'interval',
    'null',
    '5m',
    'case',
    'index',
    'day',
  ),
  fc.stringMatching(/^[a-z_][a-z0-9_]{0,6}$/),
)
const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom("'", '\\', '\n', '$$', '--', '\\x41', '\0'),
)
const number = fc.oneof(
  fc.nat().map(String),
  fc.constantFrom('1.5', '1e10', '0xFF', '0.5', '18446744073709551616', 'inf', 'nan'),
)

const type: fc.Arbitrary<TypeNode> = fc.letrec<{ type: TypeNode }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('int32', 'string', 'float64', 'datetime').map((n): TypeNode => ({ name: n, args: [] })),
    fc
      .constantFrom('array', 'nullable')
      .chain((n) => tie('type').map((t): TypeNode => ({ name: n, args: [{ kind: 'type', type: t }] }))),
    fc
      .tuple(name, tie('type'))
      .map(([n, t]): TypeNode => ({ name: 'tuple', args: [{ kind: 'named', name: n, type: t }] })),
    text.map((value): TypeNode => ({ name: 'enum8', args: [{ kind: 'enum', value, code: '-1' }] })),
    text.map(
      (value): TypeNode => ({
        name: 'datetime64',
        args: [
          { kind: 'number', text: '3' },
          { kind: 'string', value },
        ],
      }),
    ),
  ),
})).type

const BINARY = [
  'or',
  'and',
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  '<=>',
  '+',
  '-',
  '*',
  '/',
  '%',
  'div',
  '||',
] as const
const UNITS = ['second', 'minute', 'month', 'millisecond'] as const

interface Trees {
  expr: Expr
  query: Query
  select: Select
  table: TableExpr
}

const trees = fc.letrec((untyped) => {
  const tie = untyped as <K extends keyof Trees>(key: K) => fc.Arbitrary<Trees[K]>
  const expr = tie('expr')
  const literal = fc.oneof(
    number.map((t): Expr => ({ kind: 'literal', type: 'number', text: t })),
    text.map((value): Expr => ({ kind: 'literal', type: 'string', value })),
    fc.boolean().map((value): Expr => ({ kind: 'literal', type: 'bool', value })),
    fc.constant<Expr>({ kind: 'literal', type: 'null' }),
    fc.array(name, { minLength: 1, maxLength: 3 }).map((path): Expr => ({ kind: 'column', path })),
  )
  const list = fc.array(expr, { minLength: 1, maxLength: 3 })
  return {
    expr: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      literal,
      fc.record({
        kind: fc.constant('binary'),
        op: fc.constantFrom(...BINARY),
        left: expr,
        right: expr,
      }) as fc.Arbitrary<Expr>,
      fc.record({ kind: fc.constant('unary'), op: fc.constantFrom('-', 'not'), expr }) as fc.Arbitrary<Expr>,
      fc.tuple(expr, type).map(([e, t]): Expr => ({ kind: 'cast', expr: e, type: t })),
      fc.tuple(expr, expr, fc.option(expr, { nil: undefined }), fc.option(expr, { nil: undefined })).map(
        ([when, then, operand, otherwise]): Expr => ({
          kind: 'case',
          operand,
          branches: [{ when, then }],
          otherwise,
        }),
      ),
      fc
        .tuple(fc.array(name, { minLength: 1, maxLength: 2 }), expr)
        .map(([params, body]): Expr => ({ kind: 'lambda', params, body })),
      list.map((items): Expr => ({ kind: 'tuple', items })),
      fc.array(expr, { maxLength: 2 }).map((items): Expr => ({ kind: 'array', items })),
      fc.tuple(expr, expr).map(([key, value]): Expr => ({ kind: 'map', entries: [{ key, value }] })),
      fc.tuple(expr, expr).map(([e, index]): Expr => ({ kind: 'subscript', expr: e, index })),
      fc
        .tuple(
          expr,
          fc.oneof(
            fc.constantFrom('1', '2'),
            name.filter((n) => !/^\d/.test(n)),
          ),
        )
        .map(([e, element]): Expr => ({ kind: 'tuple_element', expr: e, element })),
      fc.tuple(expr, name, name).map(
        ([e, a, b]): Expr => ({
          kind: 'json_path',
          expr: e,
          path: [{ key: a }, { wildcard: true }, { key: b }, { index: 2 }],
        }),
      ),
      fc.tuple(fc.nat(), fc.constantFrom(...UNITS)).map(
        ([n, unit]): Expr => ({
          kind: 'interval',
          value: { kind: 'literal', type: 'number', text: String(n) },
          unit,
        }),
      ),
      fc.tuple(expr, list, fc.boolean(), fc.boolean()).map(
        ([e, items, not, global]): Expr => ({
          kind: 'in',
          expr: e,
          list: { kind: 'tuple', items },
          not,
          global,
        }),
      ),
      fc.tuple(expr, tie('query'), fc.boolean()).map(
        ([e, query, not]): Expr => ({
          kind: 'in',
          expr: e,
          list: { kind: 'subquery', query },
          not,
          global: false,
        }),
      ),
      fc
        .tuple(expr, expr, expr, fc.boolean())
        .map(([e, low, high, not]): Expr => ({ kind: 'between', expr: e, low, high, not })),
      fc.tuple(expr, fc.boolean()).map(([e, not]): Expr => ({ kind: 'is_null', expr: e, not })),
      fc.tuple(expr, expr, fc.boolean(), fc.boolean()).map(
        ([e, pattern, not, caseInsensitive]): Expr => ({
          kind: 'like',
          expr: e,
          pattern,
          not,
          caseInsensitive,
        }),
      ),
      tie('query').map((query): Expr => ({ kind: 'exists', query })),
      tie('query').map((query): Expr => ({ kind: 'subquery', query })),
      fc
        .tuple(
          fc.constantFrom('count', 'sum', 'my_udf', 'if', 'array_join'),
          fc.array(expr, { maxLength: 3 }),
        )
        .map(([n, args]): Expr => ({ kind: 'call', name: n, args })),
      fc.tuple(expr, expr).map(
        ([a, filter]): Expr => ({
          kind: 'call',
          name: 'sum',
          args: [a],
          distinct: true,
          filter,
          over: 'w',
        }),
      ),
      fc.tuple(expr, name).map(([e, n]): Expr => ({ kind: 'alias', expr: e, name: n })),
    ),
    table: fc.oneof(
      { maxDepth: 2 },
      fc
        .tuple(name, fc.option(name, { nil: undefined }))
        .map(([n, alias]): TableExpr => ({ kind: 'table', name: { name: n }, alias })),
      fc.tuple(name, expr).map(
        ([n, e]): TableExpr => ({
          kind: 'table_function',
          name: 'tumble',
          args: [{ kind: 'table_arg', table: { kind: 'table', name: { name: n } } }, e],
        }),
      ),
      tie('query').map((query): TableExpr => ({ kind: 'subquery_table', query, alias: 'q' })),
      fc
        .tuple(
          tie('table'),
          name,
          expr,
          fc.constantFrom('inner', 'left', 'full'),
          fc.constantFrom(undefined, 'asof', 'latest', 'any'),
        )
        .map(
          ([left, n, on, join, strictness]) =>
            ({
              kind: 'join',
              left,
              right: { kind: 'table', name: { name: n } },
              on,
              join,
              strictness,
            }) as TableExpr,
        ),
    ),
    select: fc
      .record(
        {
          columns: list,
          from: tie('table'),
          where: expr,
          groupBy: list,
          having: expr,
          limit: expr,
          settings: expr.map((value) => [{ name: 'x', value }]),
          emit: fc.constantFrom({ mode: 'changelog' as const }, { after: 'window_close' as const }),
        },
        { requiredKeys: ['columns'] },
      )
      .map((parts): Select => ({ kind: 'select', with: [], ...parts })),
    query: fc.oneof(
      { maxDepth: 2 },
      tie('select'),
      fc
        .tuple(tie('select'), tie('query'))
        .map(([a, b]): Query => ({ kind: 'union', arms: [a, b], operators: ['union_distinct'] })),
    ),
  }
}) as unknown as { [K in keyof Trees]: fc.Arbitrary<Trees[K]> }

describe('generated trees', () => {
  it('parse(print(expression)) is the expression', () => {
    fc.assert(
      fc.property(trees.expr, (expr) => {
        const printed = printExpr(expr)
        expect(bare(parseExpression(printed)), printed).toEqual(bare(expr))
      }),
      { numRuns: 400, seed: 7 },
    )
  })

  it('parse(print(query)) is the query, pretty, as a server prints it, or on one line', () => {
    fc.assert(
      fc.property(
        trees.query,
        fc.constantFrom({}, { pretty: true }, { asServer: true }),
        (query, options) => {
          const statement = { kind: 'query' as const, query }
          const printed = printStatement(statement, options)
          const again = parseStatement(printed)
          expect(bare(again), printed).toEqual(bare(statement))
          expect(hashStatement(again)).toBe(hashStatement(statement))
        },
      ),
      { numRuns: 80, seed: 11 },
    )
  })
})

const SAMPLES = [
  "CREATE MATERIALIZED VIEW mv INTO t AS SELECT a, count() AS c FROM tumble(s, ts, 5s) WHERE x IN ('a', 'b') GROUP BY a EMIT AFTER WINDOW CLOSE SETTINGS x = 1",
  "CREATE STREAM s (a array(tuple(x int8, y string)) DEFAULT [(1, 'a')], INDEX i (a) TYPE minmax) PRIMARY KEY (a, b) TTL t + INTERVAL 1 DAY SETTINGS mode = 'append'",
  'CREATE FUNCTION f(a int) RETURNS string LANGUAGE JAVASCRIPT AS $$ function f(a) { return a } $$',
  "INSERT INTO s (a, b) VALUES (1, 'x'), (-2.5, NULL)",
  'ALTER STREAM s ADD COLUMN c int, DROP PARTITION 1',
  'WITH q AS (SELECT 1) SELECT CASE WHEN a THEN b END, payload:x.y[1]::int, {p:int} FROM q LEFT ASOF JOIN r ON q.a >= r.b ORDER BY a LIMIT 1 BY b FORMAT JSON',
]

/** A result or a syntax error; anything else fails the test. */
function harmless(sql: string): void {
  for (const parse of [parseStatement, parseStatements]) {
    try {
      parse(sql)
    } catch (error) {
      if (!(error instanceof SqlSyntaxError)) throw error
      expect(error.offset).toBeLessThanOrEqual(sql.length)
    }
  }
}

describe('broken text', () => {
  it('cut anywhere, ends in a result or a syntax error', () => {
    for (const sql of SAMPLES) for (let end = 0; end <= sql.length; end++) harmless(sql.slice(0, end))
  })

  it('random characters and tokens end in a result or a syntax error', () => {
    const words = SAMPLES.join(' ').split(/(?<=\W)|(?=\W)/)
    const soup = fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ unit: 'binary', maxLength: 3 })), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(soup, (parts) => harmless(parts.join(' '))),
      { numRuns: 800, seed: 3 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) =>
        harmless(Buffer.from(bytes).toString('latin1')),
      ),
      { numRuns: 1000, seed: 5 },
    )
  })
})
