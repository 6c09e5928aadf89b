/** The second wall: what the store itself refuses, should SQL that is not ours ever reach it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeGrants } from '../../../engine/chdb/grants.js'
import { openChdb } from '../../../engine/chdb/pool.js'
import type { Chdb } from '../../../engine/contracts.js'

const dir = mkdtempSync(join(tmpdir(), 'grants-'))
let chdb: Chdb
beforeAll(async () => {
  const config = join(dir, 'store.xml')
  writeFileSync(config, `<clickhouse>\n${writeGrants(dir)}</clickhouse>\n`)
  chdb = await openChdb({ dir: join(dir, 'store'), connectionArgs: [`--config-file=${config}`] })
})
afterAll(async () => {
  await chdb?.close()
  rmSync(dir, { recursive: true, force: true })
})

describe('the user of the store', () => {
  it.each([
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    'SELECT * FROM `/etc/passwd`',
    `INSERT INTO FUNCTION file('${join(dir, 'x')}', 'CSV', 'a Int32') VALUES (1)`,
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM sqlite('/tmp/x.db', 't')",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    'CREATE TABLE default.f (a Int32) ENGINE = File(CSV)',
    "CREATE TABLE default.f (a Int32) ENGINE = URL('http://127.0.0.1:1/', CSV)",
    "CREATE DATABASE f ENGINE = Filesystem('/tmp')",
    "CREATE DICTIONARY default.d (id UInt64, v String) PRIMARY KEY id SOURCE(EXECUTABLE(COMMAND 'id' FORMAT 'TSV')) LAYOUT(FLAT()) LIFETIME(0)",
    'CREATE FUNCTION f AS x -> x',
    'CREATE USER u',
    "CREATE NAMED COLLECTION n AS k = 'v'",
  ])('may not: %s', async (sql) => {
    await expect(chdb.run(sql)).rejects.toMatchObject({ code: 497 })
  })

  it('may keep tables', async () => {
    await chdb.run('CREATE DATABASE w ENGINE = Atomic')
    await chdb.run('CREATE TABLE w.t (a UInt64) ENGINE = ReplacingMergeTree ORDER BY a')
    await chdb.run('INSERT INTO w.t SELECT number FROM numbers(3)')
    await chdb.run('ALTER TABLE w.t ADD COLUMN b String')
    expect(await chdb.rows('SELECT count() FROM w.t')).toEqual([['3']])
    await chdb.run('DROP TABLE w.t')
  })
})
