import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine } from './harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
})
afterAll(() => engine?.close())

let count = 0
async function stream(
  columns = "i int, s string, d string default concat(s, '!')",
  rest = '',
): Promise<string> {
  const name = `ins_${++count}`
  await engine.run(`CREATE STREAM ${name} (${columns}) ${rest}`)
  return name
}
const content = async (name: string, columns = 'i, s, d') =>
  (await engine.sql(`SELECT ${columns} FROM table(${name}) ORDER BY i FORMAT CSV`)).text

describe('INSERT', () => {
  it('numbers the rows of VALUES as they are written, expressions among them', async () => {
    const s = await stream('i int')
    const rows = Array.from({ length: 30 }, (_, i) => `(${i} + 0)`).join(', ')
    await engine.run(`INSERT INTO ${s} (i) VALUES ${rows}`)
    const read = await engine.rows(`SELECT i FROM table(${s}) ORDER BY _tp_sn`)
    expect(read.map(({ i }) => i)).toEqual(Array.from({ length: 30 }, (_, i) => i))
  })

  it('VALUES of literals and of expressions', async () => {
    const s = await stream(
      "i int, a array(string), m map(string, int8), b bool, n nullable(string), t datetime64(3, 'UTC'), x decimal(10, 2), big int64",
    )
    await engine.run(
      `INSERT INTO ${s} (i, a, m, b, n, t, x, big) VALUES (-1, ['x', 'y'], {'k': 1}, true, null, '2026-01-02 03:04:05.678', 1.5, -9223372036854775808)`,
    )
    await engine.run(
      `INSERT INTO ${s} (i, a, b) VALUES (1 + 1, split_by_char(',', 'p,q'), 1 = 1), (3, [], false)`,
    )
    expect(await engine.rows(`SELECT i, a, m, b, n, t, x, big FROM table(${s}) ORDER BY i`)).toEqual([
      {
        i: -1,
        a: ['x', 'y'],
        m: { k: 1 },
        b: true,
        n: null,
        t: '2026-01-02 03:04:05.678Z',
        x: 1.5,
        big: '-9223372036854775808',
      },
      { i: 2, a: ['p', 'q'], m: {}, b: true, n: null, t: '1970-01-01 00:00:00.000Z', x: 0, big: '0' },
      { i: 3, a: [], m: {}, b: false, n: null, t: '1970-01-01 00:00:00.000Z', x: 0, big: '0' },
    ])
  })

  it('keeps hostile text as text', async () => {
    const s = await stream()
    const texts = ["'); DROP STREAM x; --", '\\', "\\'", '`', '$tp$', '$$', '\u0001\t\n', '😀']
    const values = texts.map((text, i) => `(${i}, '${text.replace(/[\\']/g, '\\$&')}')`).join(', ')
    await engine.run(`INSERT INTO ${s} (i, s) VALUES ${values}`)
    await engine.run(
      `INSERT INTO ${s} (i, s) FORMAT JSONEachRow ${texts.map((text, i) => JSON.stringify({ i: i + 100, s: text })).join('\n')}`,
    )
    expect((await engine.rows(`SELECT s FROM table(${s}) ORDER BY i`)).map((row) => row.s)).toEqual([
      ...texts,
      ...texts,
    ])
  })

  const cases: [format: string, data: string | Uint8Array][] = [
    ['JSONEachRow', '{"i":1,"s":"a"}\n{"s":"b","i":2,"extra":[1]}\n'],
    ['JSONEachRow', '[{"i":1,"s":"a"},{"i":2,"s":"b"}]'],
    ['JSONCompactEachRow', '[1,"a"]\n[2,"b"]'],
    ['JSONCompactEachRowWithNames', '["s","i"]\n["a",1]\n["b",2]'],
    ['CSV', '1,"a"\n2,b\n'],
    ['CSVWithNames', 's,i\na,1\nb,2\n'],
    ['TSV', '1\ta\n2\tb\n'],
    ['TabSeparatedWithNames', 's\ti\na\t1\nb\t2\n'],
    ['Values', "(1,'a'),(1+1,'b')"],
    ['TSKV', 'i=1\ts=a\ni=2\ts=b\n'],
    ['RowBinary', Buffer.from([1, 0, 0, 0, 1, 0x61, 2, 0, 0, 0, 1, 0x62])],
  ]
  for (const [format, data] of cases) {
    it(`FORMAT ${format}, in the statement and as the body`, async () => {
      const s = await stream()
      await engine.sql(
        Buffer.concat([Buffer.from(`INSERT INTO ${s} (i, s) FORMAT ${format}\n`), Buffer.from(data)]),
      )
      expect(await content(s)).toBe('1,"a","a!"\n2,"b","b!"\n')
      const other = await stream()
      const answer = await engine.sql(data, {
        params: { query: `INSERT INTO ${other} (i, s) FORMAT ${format}` },
      })
      expect(answer.text).toBe('')
      expect(await content(other)).toBe('1,"a","a!"\n2,"b","b!"\n')
    })
  }

  it('FORMAT Parquet and Native as the store writes them', async () => {
    for (const format of ['Parquet', 'Native']) {
      const s = await stream()
      const url = `${engine.engine.url}/?query=${encodeURIComponent(`SELECT to_int32(number + 1) AS i, char(97 + number) AS s FROM numbers(2) FORMAT ${format}`)}`
      const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer())
      const answer = await engine.sql(bytes, {
        params: { query: `INSERT INTO ${s} (i, s) FORMAT ${format}` },
      })
      expect(answer.text).toBe('')
      expect(await content(s)).toBe('1,"a","a!"\n2,"b","b!"\n')
    }
  })

  it('without a column list fills fields that a record leaves out', async () => {
    const s = await stream()
    await engine.run(`INSERT INTO ${s} FORMAT JSONEachRow {"i":1,"s":"a"}\n{"i":2,"s":"b","d":"given"}`)
    expect(await content(s)).toBe('1,"a","a!"\n2,"b","given"\n')
    expect(
      (await engine.rows(`SELECT count() AS c FROM table(${s}) WHERE _tp_time > now() - 60`))[0],
    ).toEqual({ c: '2' })
  })

  it('SELECT, bounded and by position', async () => {
    const s = await stream()
    await engine.run(`INSERT INTO ${s} (s, i) SELECT to_string(number), number FROM numbers(1, 3)`)
    expect(await content(s)).toBe('1,"1","1!"\n2,"2","2!"\n3,"3","3!"\n')
    const wrong = await engine.sql(`INSERT INTO ${s} (s, i) SELECT 1`)
    expect(wrong.headers.get('x-timeplus-exception-code')).toBe('20')
  })

  it('is all or nothing', async () => {
    const s = await stream()
    const rows = Array.from({ length: 5000 }, (_, i) => `{"i":${i === 4999 ? '"x"' : i}}`).join('\n')
    const answer = await engine.sql(`INSERT INTO ${s} (i) FORMAT JSONEachRow ${rows}`)
    expect(answer.status).toBe(400)
    expect(await content(s)).toBe('')
  })

  it('event_time_column gives _tp_time', async () => {
    const s = await stream('i int, at string', "SETTINGS event_time_column = 'to_time(at)'")
    await engine.run(`INSERT INTO ${s} (i, at) VALUES (1, '2020-01-02 03:04:05')`)
    expect((await engine.rows(`SELECT _tp_time FROM table(${s})`))[0]).toEqual({
      _tp_time: '2020-01-02 03:04:05.000Z',
    })
  })

  it('idempotent_id: a repeated id is dropped, also after a restart', async () => {
    const s = await stream()
    const insert = () => engine.sql(`INSERT INTO ${s} (i, s) SETTINGS idempotent_id = 'x1' VALUES (1, 'a')`)
    await insert()
    await insert()
    await engine.restart()
    expect((await insert()).status).toBe(200)
    const rest = (id: string) =>
      fetch(`${engine.engine.streamUrl}/proton/v1/ingest/streams/${s}`, {
        method: 'POST',
        headers: { 'x-timeplus-idempotent-id': id },
        body: '{"columns":["i","s"],"data":[[2,"b"]]}',
      })
    await rest('x2')
    await rest('x2')
    expect(await content(s)).toBe('1,"a","a!"\n2,"b","b!"\n')
  })

  it('of 100,000 rows in one request', async () => {
    const s = await stream()
    const data = Array.from({ length: 100_000 }, (_, i) => `{"i":${i},"s":"row ${i}"}`).join('\n')
    expect((await engine.sql(`INSERT INTO ${s} (i, s) FORMAT JSONEachRow\n${data}`)).text).toBe('')
    expect(
      await engine.rows(`SELECT count() AS c, sum(i) AS t, unique_exact(_tp_sn) AS u FROM table(${s})`),
    ).toEqual([{ c: '100000', t: '4999950000', u: '100000' }])
  })

  it('names what is wrong', async () => {
    const s = await stream()
    const code = async (sql: string) => (await engine.sql(sql)).headers.get('x-timeplus-exception-code')
    expect(await code(`INSERT INTO ${s} (i, i) VALUES (1, 2)`)).toBe('15')
    expect(await code(`INSERT INTO ${s} (i) VALUES (1, 2)`)).toBe('20')
    expect(await code(`INSERT INTO ${s} (i) FORMAT NoSuch 1`)).toBe('73')
    expect(await code(`INSERT INTO ${s} (i) FORMAT JSONEachRow {"i":`)).toMatch(/^\d+$/)
    expect(await code(`INSERT INTO ${s} (i, s)`)).toBe('80')
  })
})

describe('ingest over REST', () => {
  it('takes rows, exact to the digit, in every mode', async () => {
    const s = await stream('i int64, s string, x decimal(38, 18)')
    for (const mode of ['', '?mode=sync', '?mode=fire_and_forget', '?mode=ordered']) {
      const answer = await engine.rest(
        'POST',
        `/proton/v1/ingest/streams/${s}${mode}`,
        '{"columns":["i","s","x"],"data":[[9007199254740993,"a ] , [ \\" b",1.000000000000000001],[ -1 , "", 0 ]]}',
      )
      expect(answer.status).toBe(200)
      expect(answer.json.request_id).toMatch(/^[0-9a-f-]{36}$/)
    }
    expect(
      await engine.rows(
        `SELECT i, s, to_string(x) AS x, count() AS c FROM table(${s}) GROUP BY i, s, x ORDER BY i`,
      ),
    ).toEqual([
      { i: '-1', s: '', x: '0', c: '4' },
      { i: '9007199254740993', s: 'a ] , [ " b', x: '1.000000000000000001', c: '4' },
    ])
    expect(
      (await engine.rest('POST', '/timeplusd/v1/ingest/statuses', { poll_ids: ['p'] })).json.data,
    ).toEqual([{ poll_id: 'p', status: 'Committed', progress: 100 }])
  })

  it('answers bad input with a code', async () => {
    const s = await stream()
    const post = (body: string) => engine.rest('POST', `/proton/v1/ingest/streams/${s}`, body)
    expect((await post('{"columns":["zz"],"data":[[7]]}')).json.code).toBe(16)
    expect((await post('{"columns":["i"],"data":[["xx"]]}')).status).toBe(400)
    expect((await post('{"columns":["i"],"data":[7]}')).json.code).toBe(117)
    expect((await post('{"columns":"i","data":[[7]]}')).json.code).toBe(117)
    expect((await post('[]')).json.code).toBe(117)
    expect((await post('nonsense')).json.code).toBe(117)
    expect((await post('{"columns":["i"],"data":[]}')).status).toBe(200)
    expect(await content(s)).toBe('')
  })
})
