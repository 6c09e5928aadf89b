import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Select } from '../../../dialect/ast.js'
import { splitAggregate, type TranslateEnv, translateQuery } from '../../../engine/planner/index.js'
import { aggregate, type Harness, javascript, openHarness } from '../udf/harness.js'
import { env, parse, parseSelect } from './support.js'

let h: Harness
let environment: TranslateEnv
beforeAll(async () => {
  h = await openHarness({ timeLimitMs: 2000 })
  await h.registry.define(
    javascript(
      'picky',
      'a int',
      'int',
      "function picky(a){ return a.map(x => { if (x < 5) throw new Error('small'); return x * 2 }) }",
    ),
  )
  await h.registry.define(
    javascript('twice', 'a int', 'int', 'function twice(a){ return a.map(x => x * 2) }'),
  )
  await h.registry.define(
    aggregate(
      'total',
      'a int',
      'int',
      '{ initialize: function(){ this.s = 0 }, process: function(v){ for (const x of v) this.s += x }, finalize: function(){ return this.s } }',
    ),
  )
  environment = env({ lookup: (name) => h.registry.lookup(name) })
})
afterAll(() => h.close())

const rows = (sql: string) => h.rows(translateQuery(parse(sql), environment).sql)

describe('functions of users, called as the planner writes them', () => {
  it('scalar: casts, NULLs, types', async () => {
    expect(await rows('SELECT twice(21), twice(to_uint8(2)), twice(null), twice(if_null(null, 3))')).toEqual([
      [42, 4, null, 6],
    ])
    expect(await rows('SELECT to_type_name(twice(1)), to_type_name(twice(to_nullable(1)))')).toEqual([
      ['int32', 'nullable(int32)'],
    ])
    expect(await rows('SELECT twice(null_if(number, 1)) FROM numbers(3)')).toEqual([[0], [null], [4]])
  })

  it('is not called for rows that `if` leaves out', async () => {
    expect(await rows('SELECT if(number >= 5, picky(number), -1) AS v FROM numbers(7)')).toEqual([
      [-1],
      [-1],
      [-1],
      [-1],
      [-1],
      [10],
      [12],
    ])
    expect(
      await rows(
        'SELECT case when number >= 5 then picky(number) else 0 end AS v FROM numbers(6) ORDER BY number DESC LIMIT 1',
      ),
    ).toEqual([[10]])
    expect(
      await rows('SELECT picky(number) AS v FROM (SELECT number FROM numbers(7) WHERE number > 5)'),
    ).toEqual([[12]])
  })

  it('aggregate: sees rows by arrival, and with an emit of its own gives any number of rows', async () => {
    await h.registry.define(
      aggregate(
        'rises',
        'a int',
        'int',
        '{ has_customized_emit: true, initialize: function(){ this.last = null; this.out = [] }, process: function(v){ for (const x of v) { if (this.last !== null && x > this.last) this.out.push(x); this.last = x } return this.out.length }, finalize: function(){ return this.out } }',
      ),
    )
    const ordered = env({ lookup: (name) => h.registry.lookup(name), arrival: 'number' })
    const backwards = '(SELECT number, 10 - number % 3 AS v FROM numbers(6) ORDER BY number DESC)'
    const query: Select = {
      ...parseSelect('SELECT rises(v) AS r FROM x'),
      from: { kind: 'raw_table', sql: backwards, columns: ['number', 'v'] },
    }
    const sql = (given: TranslateEnv) => translateQuery(query, given).sql
    expect(await h.rows(sql(ordered))).toEqual([[10]])
    expect(await h.rows(sql(environment))).toEqual([[9], [10], [9], [10]])
    expect(() => sql({ ...ordered, bounded: true })).toThrow(expect.objectContaining({ code: 2534 }))
  })

  it('aggregate: rows with NULL do not count, conditions do, partials add up', async () => {
    expect(
      await rows(
        'SELECT total(number), total(null_if(number, 1)), total_if(number, number > 2) FROM numbers(5)',
      ),
    ).toEqual([[10, 9, 7]])
    const select = parseSelect(
      'SELECT number % 2 AS k, total(number) + 1 AS t FROM numbers(5) GROUP BY k ORDER BY k',
    )
    const split = splitAggregate(select, environment)
    const partials = [0, 1, 2].map((slice) => {
      const from: Select['from'] = {
        kind: 'raw_table',
        sql: `(SELECT number FROM numbers(5) WHERE number % 3 = ${slice})`,
        columns: ['number'],
      }
      return `SELECT * FROM (${translateQuery({ ...split.partial, from }, environment).sql})`
    })
    const stored = {
      sql: `(${partials.join(' UNION ALL ')})`,
      columns: [...split.keys.map((k) => k.name), ...split.states],
    }
    expect(await h.rows(translateQuery(split.final(stored), environment).sql)).toEqual([
      [0, '7'],
      [1, '5'],
    ])
  })
})
