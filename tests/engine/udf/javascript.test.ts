import { readdir, readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { scalarCallText } from '../../../engine/udf/index.js'
import { aggregate, type Harness, javascript, openHarness } from './harness.js'

let h: Harness
beforeAll(async () => {
  h = await openHarness({ timeLimitMs: 2000 })
})
afterAll(() => h.close())

async function define(name: string, args: string, returns: string, source: string): Promise<string> {
  await h.registry.define(javascript(name, args, returns, source))
  const target = h.registry.lookup(name)
  if (target?.kind !== 'scalar') throw new Error('not a scalar function')
  return target.chName
}

async function defineAggregate(name: string, args: string, returns: string, source: string) {
  await h.registry.define(aggregate(name, args, returns, source))
  const target = h.registry.lookup(name)
  if (target?.kind !== 'aggregate') throw new Error('not an aggregate function')
  return target
}

describe('a JavaScript function', () => {
  it('gets whole blocks as arrays and answers with one value per row', async () => {
    const f = await define('f1', 'a int', 'int', 'function f1(a){ return a.map(x=>x+1); }')
    expect(await h.rows(`SELECT ${f}(41)`)).toEqual([[42]])
    expect(await h.rows(`SELECT sum(${f}(toInt32(number))) FROM numbers(100000)`)).toEqual([['5000050000']])
  })

  it('runs in a bare context', async () => {
    const f = await define(
      'f7',
      'a string',
      'string',
      "function f7(a){ return a.map(x=>typeof fetch+','+typeof setTimeout+','+typeof Promise+','+typeof require+','+typeof console); }",
    )
    expect(await h.rows(`SELECT ${f}('a')`)).toEqual([['undefined,undefined,function,undefined,object']])
  })

  it('cannot reach the host through its arguments or errors', async () => {
    const f = await define(
      'escape_attempt',
      'a string',
      'string',
      `function escape_attempt(a) {
         const ways = [() => a.constructor.constructor, () => globalThis.constructor.constructor, () => console.log.constructor,
           () => { try { null.x } catch (e) { return e.constructor.constructor } }]
         return a.map(() => ways.map((way) => { try { return way()('return typeof process')() } catch (e) { return 'none' } }).join())
       }`,
    )
    expect(await h.rows(`SELECT ${f}('a')`)).toEqual([['undefined,undefined,undefined,undefined']])
  })

  it('gets 64-bit integers as numbers, as Proton does', async () => {
    const f = await define(
      'f8',
      'a int64',
      'string',
      'function f8(a){ return a.map(x=>typeof x+String(x)); }',
    )
    expect(await h.rows(`SELECT ${f}(9007199254740993)`)).toEqual([['number9007199254740992']])
    expect(await h.rows(`SELECT ${f}(-9007199254740991)`)).toEqual([['number-9007199254740991']])
  })

  it('returns 64-bit integers without loss as BigInt, clamped as number', async () => {
    const f = await define(
      'big',
      'a int32',
      'int64',
      'function big(a){ return a.map(x => [9007199254740993n, -9223372036854775808n, -5, 2**80, -1.9, NaN, 4294967296][x]); }',
    )
    expect(await h.rows(`SELECT ${f}(toInt32(number)) FROM numbers(7)`)).toEqual([
      ['9007199254740993'],
      ['-9223372036854775808'],
      ['-5'],
      ['9223372036854775807'],
      ['-1'],
      ['0'],
      ['4294967296'],
    ])
  })

  it('takes and gives dates, arrays, booleans and named tuples', async () => {
    const dates = await define(
      'next_day',
      "a datetime64(6, 'UTC'), b date, c datetime('UTC')",
      "tuple(a datetime64(3, 'UTC'), b date, c datetime('UTC'), s string)",
      `function next_day(a, b, c) {
         const day = 86400000
         return a.map((_, i) => ({ a: new Date(a[i].getTime() + day), b: new Date(b[i].getTime() + day), c: new Date(+c[i] + day), s: String(a[i] instanceof Date) }))
       }`,
    )
    expect(
      await h.rows(
        `SELECT ${dates}(toDateTime64('2024-02-28 23:59:59.123456', 6, 'UTC'), toDate('2024-02-28'), toDateTime('2024-02-28 01:02:03', 'UTC'))`,
      ),
    ).toEqual([[{ a: '2024-02-29 23:59:59.123', b: '2024-02-29', c: '2024-02-29 01:02:03', s: 'true' }]])
    const arrays = await define(
      'spread',
      'a array(float64), flip bool, t array(nullable(string))',
      'tuple(top array(float64), flipped bool, names array(string))',
      'function spread(a, flip, t) { return a.map((x, i) => ({ top: x.slice().sort((p, q) => q - p), flipped: !flip[i], names: t[i].map(String) })) }',
    )
    expect(
      await h.rows(`SELECT ${arrays}([1.5, 3, 2], true, ['é', NULL]), ${arrays}([], false, ['x'])`),
    ).toEqual([
      [
        { top: [3, 2, 1.5], flipped: false, names: ['é', 'null'] },
        { top: [], flipped: true, names: ['x'] },
      ],
    ])
  })

  it('keeps long, empty and non-ASCII strings', async () => {
    const f = await define('echo', 'a string', 'string', 'function echo(a){ return a }')
    const sql = "arrayElement(['', 'ünï→😀', repeat('é', 41), repeat('ab', 50000), '\\0x'], number + 1)"
    expect(
      await h.rows(`SELECT countIf(${f}(s) = s), count() FROM (SELECT ${sql} AS s FROM numbers(5))`),
    ).toEqual([['5', '5']])
  })

  it('answers NULL where its result type may be NULL', async () => {
    const f = await define(
      'maybe',
      'a int32',
      'nullable(int32)',
      'function maybe(a){ return a.map(x => x % 2 ? x : null) }',
    )
    expect(await h.rows(`SELECT ${f}(toInt32(number)) FROM numbers(3)`)).toEqual([[null], [1], [null]])
  })
})

describe('a call', () => {
  const call = async (args: string[], from: string) => {
    const target = h.registry.lookup('add')
    if (target?.kind !== 'scalar') throw new Error('not a scalar function')
    const text = scalarCallText(target, args)
    return h.rows(`SELECT ${text} AS r, toTypeName(${text}) FROM (${from})`)
  }
  beforeAll(async () => {
    await define(
      'add',
      'a int32, b string',
      'string',
      'function add(a, b) { return a.map((x, i) => x + b[i]) }',
    )
  })

  it('casts its arguments', async () => {
    expect(await call(['n', "'x'"], 'SELECT number AS n FROM numbers(2)')).toEqual([
      ['0x', 'String'],
      ['1x', 'String'],
    ])
  })

  it('is NULL where an argument is', async () => {
    const from = "SELECT if(number = 1, NULL, number) AS n, 'x' AS s FROM numbers(3)"
    expect(await call(['n', 's'], from)).toEqual([
      ['0x', 'Nullable(String)'],
      [null, 'Nullable(String)'],
      ['2x', 'Nullable(String)'],
    ])
    expect(await call(['NULL', "'x'"], 'SELECT 1')).toEqual([[null, 'Nullable(String)']])
  })
})

describe('a JavaScript function that fails', () => {
  const cases: [string, string, string, number, string][] = [
    [
      'throws',
      'function t0(a){ throw new Error("boom") }',
      't0',
      2533,
      "call JavaScript UDF 't0' failed:Error: boom",
    ],
    [
      'gives too many results',
      'function t1(a){ return [1,2,3] }',
      't1',
      2504,
      "Function 't1': wrong result, expected 1 row(s), actual 3",
    ],
    ['gives no array', 'function t2(a){ return 5 }', 't2', 43, 'UDF should return Array but got number'],
    [
      'gives a promise',
      'async function t3(a){ return a }',
      't3',
      43,
      'UDF should return Array but got object',
    ],
    ['gives another type', 'function t4(a){ return ["x"] }', 't4', 53, 'Expected Number, typeof=string'],
    [
      'throws no Error',
      'function t5(a){ throw { toString() { throw 1 } } }',
      't5',
      2533,
      "call JavaScript UDF 't5' failed:a value that cannot be printed was thrown",
    ],
    [
      'overflows the stack',
      'function t6(a){ return t6(a) }',
      't6',
      2533,
      "call JavaScript UDF 't6' failed:RangeError: Maximum call stack size exceeded",
    ],
    [
      'loops for ever',
      'function t7(a){ for(;;); }',
      't7',
      159,
      "call JavaScript UDF 't7' failed: it ran for more than 2000 ms and was stopped",
    ],
    [
      'loops in a promise job',
      'function t8(a){ Promise.resolve().then(() => { for(;;); }); return a }',
      't8',
      159,
      "call JavaScript UDF 't8' failed: it ran for more than 2000 ms and was stopped",
    ],
  ]
  for (const [what, source, name, code, message] of cases) {
    it(what, async () => {
      const f = await define(name, 'a int', 'int', source)
      await expect(h.rows(`SELECT ${f}(1)`)).rejects.toMatchObject({ code, message })
      expect(await h.rows('SELECT 1')).toEqual([[1]])
    })
  }

  it('eats all memory', async () => {
    const f = await define(
      'glutton',
      'a int',
      'int',
      'function glutton(a){ const x = []; for(;;) x.push(new Array(100000).fill(x.length + 0.5)) }',
    )
    await expect(h.rows(`SELECT ${f}(1)`)).rejects.toMatchObject({ code: 2531 })
    expect(await h.rows('SELECT 1')).toEqual([[1]])
  }, 30_000)

  it.skipIf(process.platform !== 'linux')('eats all memory outside the heap', async () => {
    const f = await define(
      'hoarder',
      'a int',
      'int',
      'function hoarder(a){ const x = []; for(;;) x.push(new Uint8Array(100000000)) }',
    )
    await expect(h.rows(`SELECT ${f}(1)`)).rejects.toMatchObject({ code: 2531 })
  })

  it('only fails the query that called it', async () => {
    const f = await define(
      'odd_fails',
      'a int',
      'int',
      'function odd_fails(a){ if (a[0] % 2) throw new Error("no " + a[0]); return a }',
    )
    const answers = await Promise.allSettled([0, 1, 2, 3, 4, 5, 6, 7].map((n) => h.rows(`SELECT ${f}(${n})`)))
    answers.forEach((answer, n) => {
      if (n % 2 === 0) expect(answer).toMatchObject({ status: 'fulfilled', value: [[n]] })
      else {
        expect(answer).toMatchObject({
          status: 'rejected',
          reason: { code: 2533, message: `call JavaScript UDF 'odd_fails' failed:Error: no ${n}` },
        })
      }
    })
  })
})

describe('a process of a function', () => {
  const children = async () => {
    const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))
    const lines = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
    )
    return lines.filter((line) => line.includes('worker.cjs') && line.includes('udf_short_lived_v')).length
  }

  it.skipIf(process.platform !== 'linux')('ends when the function is gone', async () => {
    const f = await define('short_lived', 'a int', 'int', 'function short_lived(a){ return a }')
    await h.rows(`SELECT ${f}(1)`)
    expect(await children()).toBeGreaterThan(0)
    await h.registry.remove('short_lived')
    await expect.poll(children, { timeout: 10_000 }).toBe(0)
  })
})

describe('a definition', () => {
  it('is refused where the source does not compile, does not define the function, or loops', async () => {
    await expect(define('f5', 'a int', 'int', ' function f5(a){ return a.map( ')).rejects.toMatchObject({
      code: 2530,
      message:
        'the JavaScript UDF f5 is invalid. Detail error: Uncaught SyntaxError: Unexpected end of input',
    })
    await expect(define('f2', 'a int', 'int', 'function wrongname(a){ return a; }')).rejects.toMatchObject({
      code: 2530,
      message: "the JavaScript UDF 'f2' is invalid since the function 'f2' is not defined",
    })
    await expect(define('f9', 'a int', 'int', 'throw new Error("early")')).rejects.toMatchObject({
      code: 2530,
      message: 'The JavaScript UDF f9 is invalid. Detail error: Uncaught Error: early:Error: early',
    })
    await expect(define('f10', 'a int', 'int', 'for(;;);')).rejects.toMatchObject({ code: 2530 })
    expect(h.registry.lookup('f5')).toBeUndefined()
  })

  it('is refused for a bad name or type', async () => {
    await expect(define('x_if', 'a int', 'int', 'function x_if(a){return a}')).rejects.toMatchObject({
      code: 2532,
    })
    await expect(define('1x', 'a int', 'int', '')).rejects.toMatchObject({ code: 2532 })
    await expect(define('u', 'a uuid', 'int', 'function u(a){return a}')).rejects.toMatchObject({
      code: 48,
      message: 'JavaScript UDF does not support data type: uuid',
    })
  })

  it('replaces an older one; a failed one leaves it', async () => {
    const first = await define('r', 'a int', 'int', 'function r(a){ return a.map(() => 1) }')
    const second = await define('r', 'a int', 'int', 'function r(a){ return a.map(() => 2) }')
    expect(await h.rows(`SELECT ${second}(0), ${first}(0)`)).toEqual([[2, 1]])
    await expect(define('r', 'a int', 'int', 'function r(')).rejects.toMatchObject({ code: 2530 })
    expect(h.registry.lookup('r')).toMatchObject({ chName: second })
    await h.registry.remove('r')
    expect(h.registry.lookup('r')).toBeUndefined()
    await expect(h.rows(`SELECT ${second}(0)`)).rejects.toMatchObject({ code: 46 })
  })
})

describe('a JavaScript aggregate', () => {
  const SUM = `{ initialize: function(){ this.s=0; }, process: function(v){ for(const x of v) this.s+=x; }, finalize: function(){ return this.s; },
    merge: function(t){ this.s+=JSON.parse(t); }, serialize: function(){ return JSON.stringify(this.s); }, deserialize: function(t){ this.s=JSON.parse(t); } }`

  it('is a function of the array of its argument tuples', async () => {
    const { finalName } = await defineAggregate('g1', 'a int', 'int', SUM)
    expect(
      await h.rows(
        `SELECT number % 2 AS k, ${finalName}(groupArray(tuple(toInt32(number)))) FROM numbers(10) GROUP BY k ORDER BY k`,
      ),
    ).toEqual([
      [0, 20],
      [1, 25],
    ])
    expect(await h.rows(`SELECT ${finalName}(groupArray(tuple(toInt32(number)))) FROM numbers(0)`)).toEqual([
      [0],
    ])
  })

  it('goes on from its serialised state', async () => {
    const { finalName } = await defineAggregate('g2', 'a int', 'int', SUM)
    const step = (state: string, from: number) =>
      `${finalName}_step(${state}, arrayMap(x -> tuple(toInt32(x)), range(${from}, ${from + 3})))`
    expect(await h.rows(`SELECT ${finalName}_finish(${step(step("''", 0), 3)})`)).toEqual([[15]])
  })

  it('gets deltas of a changelog', async () => {
    const { finalName } = await defineAggregate(
      'net',
      'a float64',
      'float64',
      '{ initialize() { this.n = 0 }, process(v, delta) { v.forEach((x, i) => { this.n += x * delta[i] }) }, finalize() { return this.n } }',
    )
    expect(await h.rows(`SELECT ${finalName}_delta([(5., 1), (2., 1), (5., -1)])`)).toEqual([[2]])
  })

  it('with a custom emit gives what the last batch of rows makes it emit', async () => {
    const { finalName, customEmit } = await defineAggregate(
      'pairs',
      'a int32',
      'int32',
      `{ has_customized_emit: true, initialize() { this.last = null; this.out = [] },
         process(v) { for (const x of v) { if (this.last === null) this.last = x; else { this.out.push(this.last + x); this.last = null } } return this.out.length },
         finalize() { const out = this.out; this.out = []; return out } }`,
    )
    expect(customEmit).toBe(true)
    const given = (...rows: string[]) => h.rows(`SELECT ${finalName}([${rows.join(', ')}])`)
    const first = ['(1, 7)', '(2, 7)', '(3, 7)', '(4, 7)', '(5, 7)']
    expect(await given(...first)).toEqual([[[3, 7]]])
    expect(await given(...first, '(6, 8)')).toEqual([[[11]]])
    expect(await given(...first, '(6, 8)', '(7, 9)')).toEqual([[[]]])
  })

  it('must return its result', async () => {
    const { finalName } = await defineAggregate(
      'silent',
      'a int32',
      'int32',
      '{ initialize() {}, process() {}, finalize() {} }',
    )
    await expect(h.rows(`SELECT ${finalName}([tuple(1)])`)).rejects.toMatchObject({ code: 2533 })
  })

  it('is refused without its functions or with data members', async () => {
    const refused = (source: string) => defineAggregate('bad', 'a int', 'int', source).catch((error) => error)
    expect(await refused('{ initialize() {}, process() {} }')).toMatchObject({
      code: 2530,
      message: expect.stringContaining("Missing required member function: 'finalize'"),
    })
    expect(await refused('{ initialize() {}, process() {}, finalize() {}, n: 1 }')).toMatchObject({
      code: 2530,
      message: expect.stringContaining("non-function data member : 'n'"),
    })
  })

  it('fails by name when its code throws', async () => {
    const { finalName } = await defineAggregate(
      'g3',
      'a int',
      'int',
      '{ initialize() {}, process() { throw new Error("bad row") }, finalize() { return 0 } }',
    )
    await expect(h.rows(`SELECT ${finalName}([tuple(1)])`)).rejects.toMatchObject({
      code: 503,
      message: "Failed to invoke 'process' function of JavaScript UDA 'g3':Error: bad row",
    })
  })
})
