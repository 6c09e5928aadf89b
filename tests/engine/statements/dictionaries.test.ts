import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from '../server/harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
  await engine.run('CREATE MUTABLE STREAM names (k string, name string, age uint8) PRIMARY KEY k')
  await engine.run("INSERT INTO names (k, name, age) VALUES ('a', 'Ann', 30), ('b', 'Bob', 40)")
})
afterAll(() => engine?.close())

const text = async (sql: string) => (await engine.sql(sql)).text

describe('dictionaries', () => {
  it('are asked by key, follow their source, and outlive a restart', async () => {
    await engine.run(
      "CREATE DICTIONARY d (k string, name string DEFAULT 'nobody', age uint8) PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 'names')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(1)",
    )
    const ask =
      "SELECT dict_get('d', 'name', 'a') AS a, dict_get('default.d', 'name', 'zz') AS z, dict_get_or_default('d', 'name', 'zz', 'none') AS o, dict_has('d', 'b') AS h, dict_get('d', ('name', 'age'), 'b').2 AS t"
    expect(await engine.rows(ask)).toEqual([{ a: 'Ann', z: 'nobody', o: 'none', h: 1, t: 40 }])
    expect(await engine.rows('SELECT * FROM d ORDER BY k')).toEqual([
      { k: 'a', name: 'Ann', age: 30 },
      { k: 'b', name: 'Bob', age: 40 },
    ])
    await engine.restart()
    expect((await engine.rows(ask))[0]!.a).toBe('Ann')
    await engine.run("INSERT INTO names (k, name, age) VALUES ('a', 'Anna', 31)")
    await until(async () => ((await engine.rows(ask))[0]!.a === 'Anna' ? true : undefined))
    expect(await text('SHOW DICTIONARIES')).toBe('d\n')
    expect(await engine.rows('SELECT name, status, element_count FROM system.dictionaries')).toEqual([
      { name: 'd', status: 'LOADED', element_count: '2' },
    ])
  })

  it('DIRECT asks the source each time; QUERY chooses what it gives', async () => {
    await engine.run(
      "CREATE DICTIONARY direct (k string, label string) PRIMARY KEY k SOURCE(TIMEPLUS(QUERY 'SELECT k, concat(name, ''!'') AS label FROM names WHERE age > 10')) LAYOUT(COMPLEX_KEY_DIRECT())",
    )
    expect(await text("SELECT dict_get('direct', 'label', 'b')")).toBe('Bob!\n')
    await engine.run("INSERT INTO names (k, name, age) VALUES ('b', 'Bert', 41)")
    expect(await text("SELECT dict_get('direct', 'label', 'b')")).toBe('Bert!\n')
    await engine.run(
      "CREATE OR REPLACE DICTIONARY direct (k string, age uint8) PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 'names')) LAYOUT(COMPLEX_KEY_DIRECT())",
    )
    expect(await text("SELECT dict_get('direct', 'age', 'b')")).toBe('41\n')
    await engine.run('DROP DICTIONARY direct')
  })

  it('numbers as keys: FLAT and HASHED', async () => {
    await engine.run('CREATE STREAM rates (id uint64, rate float64)')
    await engine.run('INSERT INTO rates (id, rate) VALUES (1, 1.5), (2, 2.5)')
    for (const layout of ['FLAT()', 'HASHED()', 'HASHED_ARRAY()']) {
      await engine.run(
        `CREATE OR REPLACE DICTIONARY r (id uint64, rate float64 DEFAULT 9) PRIMARY KEY id SOURCE(TIMEPLUS(STREAM 'rates')) LAYOUT(${layout}) LIFETIME(MIN 1 MAX 10)`,
      )
      expect(await text("SELECT dict_get('r', 'rate', 2), dict_get('r', 'rate', 7)")).toBe('2.5\t9\n')
    }
  })

  it('enrich a stream, with what they hold when a row arrives', async () => {
    await engine.run('CREATE STREAM events (k string, n int)')
    await engine.run('CREATE STREAM seen (k string, name string, n int, age uint8)')
    await engine.run(
      "CREATE MATERIALIZED VIEW mv_seen INTO seen AS SELECT e.k AS k, d.name AS name, e.n AS n, dict_get('d', 'age', e.k) AS age FROM events AS e LEFT JOIN d ON e.k = d.k",
    )
    await until(async () =>
      (await text("SELECT dict_get('d', 'name', 'b')")) === 'Bert\n' ? true : undefined,
    )
    await engine.run("INSERT INTO events (k, n) VALUES ('b', 1), ('zz', 2)")
    const rows = await until(async () => {
      const found = await engine.rows('SELECT k, name, n, age FROM table(seen) ORDER BY n')
      return found.length === 2 ? found : undefined
    })
    expect(rows).toEqual([
      { k: 'b', name: 'Bert', n: 1, age: 41 },
      { k: 'zz', name: '', n: 2, age: 0 },
    ])
    expect(await text('DROP DICTIONARY d')).toMatch(/^Code: 630\./)
    await engine.run('DROP VIEW mv_seen')
  })

  it('are refused where they would reach outside, and their source cannot go away', async () => {
    const cases: [string, RegExp][] = [
      [
        "CREATE DICTIONARY x (k string) PRIMARY KEY k SOURCE(FILE(PATH '/etc/passwd' FORMAT 'CSV')) LAYOUT(FLAT())",
        /^Code: 48\..*FILE/,
      ],
      [
        "CREATE DICTIONARY x (k string) PRIMARY KEY k SOURCE(EXECUTABLE(COMMAND 'id' FORMAT 'CSV')) LAYOUT(FLAT())",
        /^Code: 48\..*EXECUTABLE/,
      ],
      [
        "CREATE DICTIONARY x (k string) PRIMARY KEY k SOURCE(HTTP(URL 'http://localhost' FORMAT 'CSV')) LAYOUT(FLAT())",
        /^Code: 48\..*HTTP/,
      ],
      [
        "CREATE DICTIONARY x (k string) PRIMARY KEY k SOURCE(CLICKHOUSE(TABLE 'x')) LAYOUT(FLAT())",
        /^Code: 48\./,
      ],
      [
        "CREATE DICTIONARY x (k string) PRIMARY KEY k SOURCE(TIMEPLUS(HOST 'h' STREAM 'names')) LAYOUT(FLAT())",
        /^Code: 48\..*HOST/,
      ],
      [
        "CREATE DICTIONARY x (k string) PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 'names')) LAYOUT(SSD_CACHE(PATH '/tmp/x'))",
        /^Code: 48\..*SSD_CACHE/,
      ],
      [
        "CREATE DICTIONARY x (k string) PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 'names')) LAYOUT(FLAT()) LIFETIME(1) RANGE(MIN a MAX b, c)",
        /^Code: 62\./,
      ],
      [
        "CREATE DICTIONARY x (nope string) PRIMARY KEY nope SOURCE(TIMEPLUS(STREAM 'names')) LAYOUT(COMPLEX_KEY_HASHED())",
        /^Code: 47\..*nope/,
      ],
      [
        "CREATE DICTIONARY x (k string) PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 'gone')) LAYOUT(COMPLEX_KEY_HASHED())",
        /^Code: 60\./,
      ],
      [
        "CREATE DICTIONARY x (k string) PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 'names' USER 'eve' PASSWORD 'hush')) LAYOUT(COMPLEX_KEY_HASHED())",
        /^Code: 516\./,
      ],
      [
        "CREATE DICTIONARY d (k string) PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 'names')) LAYOUT(COMPLEX_KEY_HASHED())",
        /^Code: 57\./,
      ],
      ["SELECT dict_get('gone', 'a', 1)", /^Code: 36\./],
      ["SELECT dict_get(concat('d', ''), 'name', 'a')", /^Code: 36\./],
      ['DROP STREAM names', /^Code: 630\./],
      ['DROP STREAM d', /^Code: 80\./],
      ['DROP DICTIONARY names', /^Code: 80\./],
    ]
    for (const [sql, answer] of cases) expect(await text(sql), sql).toMatch(answer)
  })

  it('need grants to be asked and to be made', async () => {
    await engine.run("CREATE USER ann IDENTIFIED BY 'pw'")
    const ann = async (sql: string) =>
      (await engine.sql(sql, { headers: { 'x-timeplus-user': 'ann', 'x-timeplus-key': 'pw' } })).text
    expect(await ann("SELECT dict_get('d', 'name', 'a')")).toContain('DICT GET ON default.d')
    await engine.run('GRANT dictGet ON d TO ann')
    expect(await ann("SELECT dict_get('d', 'name', 'a')")).toBe('Anna\n')
    expect(
      await ann(
        "CREATE DICTIONARY mine (k string) PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 'names')) LAYOUT(COMPLEX_KEY_HASHED())",
      ),
    ).toContain('CREATE DICTIONARY ON default.mine')
    await engine.run('GRANT CREATE DICTIONARY ON *.* TO ann')
    expect(
      await ann(
        "CREATE DICTIONARY mine (k string) PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 'names')) LAYOUT(COMPLEX_KEY_HASHED())",
      ),
    ).toContain('SELECT ON default.names')
  })
})
