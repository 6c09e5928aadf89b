import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CreateView } from '../../../dialect/ast.js'
import { parseStatement } from '../../../dialect/index.js'
import { StoredCatalog } from '../../../engine/catalog/catalog.js'
import { downstream } from '../../../engine/catalog/dependencies.js'
import { openChdb } from '../../../engine/chdb/pool.js'
import type { Chdb, ViewObject } from '../../../engine/contracts.js'

let dir: string
let chdb: Chdb
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tpctl-catalog-'))
  chdb = await openChdb({ dir })
})
afterAll(async () => {
  await chdb.close()
  await rm(dir, { recursive: true, force: true })
})

function view(id: number, name: string, query: string): ViewObject {
  const sql = `CREATE VIEW default.${name} AS ${query}`
  return {
    kind: 'view',
    id,
    uuid: `uuid-${id}`,
    name: { database: 'default', name },
    sql,
    createdAt: 1,
    columns: [{ name: 'x', type: 'string', chType: 'String' }],
    statement: parseStatement(sql) as CreateView,
  }
}

describe('catalog', () => {
  it('keeps objects, databases and ids over a restart', async () => {
    const first = await StoredCatalog.open(chdb)
    const hostile = "it's \\ `odd` \u0000 $$"
    await first.put(view(first.nextId(), 'a', 'SELECT 1 AS x'))
    await first.put({ ...view(first.nextId(), 'b', 'SELECT x FROM default.a'), uuid: hostile })
    await first.put(view(first.nextId(), 'gone', 'SELECT 1 AS x'))
    await first.remove(first.require({ name: 'gone' }))
    await first.reserve(first.nextId())
    await first.createDatabase('other')

    const second = await StoredCatalog.open(chdb)
    expect(second.list().map((object) => object.name.name)).toEqual(['a', 'b'])
    expect(second.find({ name: 'b' })).toEqual({ ...first.find({ name: 'b' }), statement: expect.anything() })
    expect(second.find({ name: 'b' })?.uuid).toBe(hostile)
    expect(second.databases()).toEqual(['default', 'neutron', 'other'])
    expect(second.nextId()).toBe(5)
    expect(() => second.require({ name: 'gone' })).toThrow("Stream default.gone doesn't exist")
  })

  it('knows who reads whom, directly and in the end', async () => {
    const catalog = await StoredCatalog.open(chdb)
    await catalog.put(view(10, 'c', 'SELECT x FROM default.b JOIN default.a USING (x)'))
    expect(catalog.dependents({ name: 'a' }).map((object) => object.name.name)).toEqual(['b', 'c'])
    expect(catalog.dependents({ database: 'other', name: 'a' })).toEqual([])
    expect([...downstream('default.a', catalog.list())].sort()).toEqual([
      'default.a',
      'default.b',
      'default.c',
    ])
    expect([...downstream('default.c', catalog.list())]).toEqual(['default.c'])
  })
})
