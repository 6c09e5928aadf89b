import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Expr, Query, RawTable, Select } from '../../../dialect/ast.js'
import { parseExpression, parseStatement } from '../../../dialect/index.js'
import { openChdb } from '../../../engine/chdb/pool.js'
import type { CallTarget, Chdb, Relation } from '../../../engine/contracts.js'
import { bindLeaves, type TranslateEnv, translateQuery } from '../../../engine/planner/index.js'

export function parse(sql: string): Query {
  const statement = parseStatement(sql)
  if (statement.kind !== 'query') throw new Error(`not a query: ${sql}`)
  return statement.query
}

export function parseSelect(sql: string): Select {
  const query = parse(sql)
  if (query.kind !== 'select') throw new Error(`not a SELECT: ${sql}`)
  return query
}

export const expression = (sql: string): Expr => parseExpression(sql)

export function env(fields: Partial<TranslateEnv> = {}): TranslateEnv {
  return { lookup: () => undefined, ...fields }
}

export const EVENTS: Relation = {
  sql: 'default.events',
  columns: ['id', 'name', 'ts', 'score', 'tags', 'raw', 'attrs', 'pair', '_tp_time'],
}

/** Every stream is `events`. */
export async function bound(query: Query): Promise<Query> {
  return bindLeaves(query, async (leaf) =>
    leaf.kind === 'table' ? ({ kind: 'raw_table', ...EVENTS } satisfies RawTable) : undefined,
  )
}

export async function translated(sql: string, fields: Partial<TranslateEnv> = {}): Promise<string> {
  return translateQuery(await bound(parse(sql)), env(fields)).sql
}

export interface TestStore {
  chdb: Chdb
  close(): Promise<void>
}

/** A store with twenty rows in `default.events`; `_tp_sn` is 1 … 20, `score` is NULL for every third. */
export async function openStore(): Promise<TestStore> {
  const dir = await mkdtemp(join(tmpdir(), 'planner-'))
  const chdb = await openChdb({ dir })
  await chdb.run(`CREATE TABLE default.events (id Int32, name String, ts DateTime64(3, 'UTC'), score Nullable(Int32),
    tags Array(Int32), raw String, attrs Map(String, Int32), pair Tuple(x Int32, y String),
    _tp_time DateTime64(3, 'UTC'), _tp_sn UInt64) ENGINE = MergeTree ORDER BY _tp_sn`)
  await chdb.run(`INSERT INTO default.events SELECT number % 5, toString(number),
    toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + number, number % 3 = 0 ? NULL : number, [number, number + 1],
    '{"a":{"b":"x' || toString(number) || '","n":' || toString(number) || ',"z":null},"l":[{"q":1},{"q":"w"}],"s":["u",2]}',
    map('k', number), (number, 'y'), toDateTime64('2026-02-01 00:00:00', 3, 'UTC') + number, number + 1
    FROM numbers(20)`)
  return {
    chdb,
    close: async () => {
      await chdb.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** User functions that stand for real ones: the store's own functions play the compiled code. */
export const FUNCTIONS: Record<string, CallTarget> = {
  twice: { kind: 'sql', params: ['x'], body: expression('x * 2') },
  quadruple: { kind: 'sql', params: ['x'], body: expression('twice(twice(x))') },
  mean_of: { kind: 'sql', params: ['x'], body: expression('sum(x) / count(x)') },
  forever: { kind: 'sql', params: ['x'], body: expression('forever(x)') },
  loud: {
    kind: 'scalar',
    chName: 'upper',
    argTypes: [{ name: 'string', args: [] }],
    returns: { name: 'string', args: [] },
  },
  rows_seen: {
    kind: 'aggregate',
    finalName: 'length',
    argTypes: [{ name: 'int64', args: [] }],
    returns: { name: 'uint64', args: [] },
    customEmit: false,
  },
}
export const lookup = (name: string): CallTarget | undefined => FUNCTIONS[name]
