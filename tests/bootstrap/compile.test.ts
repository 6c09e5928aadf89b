import { describe, expect, it } from 'vitest'
import { compile } from '../../bootstrap/compile.js'
import { loadProject } from '../../bootstrap/project.js'
import { UserError } from '../../dialect/index.js'
import { PIPELINE, projectFolder } from './project_folder.js'

async function compiled(files: Record<string, string>, env: Record<string, string> = {}) {
  return compile(await loadProject(await projectFolder(files), { env }))
}

async function refused(files: Record<string, string>, env: Record<string, string> = {}): Promise<UserError> {
  try {
    await compiled(files, env)
  } catch (error) {
    if (error instanceof UserError) return error
    throw error
  }
  throw new Error('it compiled')
}

describe('compile', () => {
  it('orders objects by what they need, whatever their files are called', async () => {
    const { objects } = await compiled({
      'sql/a.sql': 'CREATE MATERIALIZED VIEW a INTO d AS SELECT x FROM b',
      'sql/b.sql': 'CREATE VIEW b AS WITH d AS (SELECT 1 AS x) SELECT x FROM c',
      'sql/deep/er/c.sql': 'CREATE STREAM c (x int32)',
      'sql/d.sql': 'CREATE STREAM d (x int32)',
    })
    const names = objects.map(({ name }) => name)
    expect(names.indexOf('c')).toBeLessThan(names.indexOf('b'))
    expect(names.indexOf('b')).toBeLessThan(names.indexOf('a'))
    expect(names.indexOf('d')).toBeLessThan(names.indexOf('a'))
    expect(objects.find(({ name }) => name === 'b')!.dependsOn).toEqual(['c'])
  })

  it('puts functions before what calls them', async () => {
    const { objects } = await compiled({
      'sql/a.sql': 'CREATE VIEW a AS SELECT twice(x) AS y FROM c',
      'sql/c.sql': 'CREATE STREAM c (x int32)',
      'sql/z.sql': 'CREATE FUNCTION twice AS (x) -> x * 2',
    })
    expect(objects.map(({ key }) => key)).toEqual(['c', 'twice()', 'a'])
  })

  it('takes values from the caller, the environment, the config and the default, in that order', async () => {
    const files = {
      ...PIPELINE,
      'tpctl.config.ts': `export default { name: 'x', variables: { MIN_PRICE: 2 } }`,
    }
    const sql = async (env: Record<string, string>, variables?: Record<string, string>) => {
      const project = await loadProject(await projectFolder(files), { env, overrides: { variables } })
      return compile(project).objects.find(({ name }) => name === 'pricey')!.sql
    }
    expect(await sql({})).toContain('price > 2')
    expect(await sql({ MIN_PRICE: '3' })).toContain('price > 3')
    expect(await sql({ MIN_PRICE: '3' }, { MIN_PRICE: '4' })).toContain('price > 4')
    const { 'tpctl.config.ts': _, ...plain } = files
    expect((await compiled(plain)).objects.find(({ name }) => name === 'pricey')!.sql).toContain('price > 10')
  })

  it('knows the brokers of the target as KAFKA_BROKERS', async () => {
    const files = {
      'sql/e.sql':
        "CREATE EXTERNAL STREAM e (raw string) SETTINGS type='kafka', brokers='${KAFKA_BROKERS}', topic='t'",
    }
    const project = await loadProject(await projectFolder(files), { env: {}, overrides: { brokers: 'b:1' } })
    expect(compile(project).objects[0]!.sql).toContain("'b:1'")
  })

  it('keeps a statement newer than the parser, ordered by what it declares', async () => {
    const { objects } = await compiled({
      'sql/a.sql': '-- @depends c\nCREATE HOLOGRAPHIC VIEW a OF c WITH SPARKLES',
      'sql/c.sql': 'CREATE STREAM c (x int32)',
    })
    expect(objects.map(({ name }) => name)).toEqual(['c', 'a'])
  })
})

describe('files for some editions only', () => {
  const files = {
    'sql/a.sql':
      '-- A task.\n-- @editions oss-3, enterprise\nCREATE TASK a SCHEDULE 5s INTO c AS SELECT 1 AS x',
    'sql/b.sql': '-- @editions oss-1.6\nCREATE MATERIALIZED VIEW b INTO c AS SELECT x FROM d',
    'sql/cd.sql': 'CREATE STREAM c (x int32);\n-- @editions oss-1.6\nCREATE STREAM d (x int32)',
  }
  it('are left out for the others', async () => {
    const project = await loadProject(await projectFolder(files), { env: {} })
    const names = (edition: 'oss-1.6' | 'oss-3') => compile(project, edition).objects.map(({ name }) => name)
    expect(names('oss-1.6')).toEqual(['c', 'd', 'b'])
    expect(names('oss-3')).toEqual(['c', 'a', 'd'])
  })

  it('name an edition that exists', async () => {
    const error = await refused({ 'sql/a.sql': '-- a\n-- @editions oss-2\nCREATE STREAM a (x int32)' })
    expect(error).toMatchObject({ code: 'PROJECT_DIRECTIVE', where: 'sql/a.sql:2:1' })
  })
})

describe('what is wrong in a project is told with its place', () => {
  it('a syntax error: file, line, column and a caret, also behind a variable', async () => {
    const error = await refused({
      'sql/views/v.sql': '-- a view\nCREATE VIEW v AS\nSELECT ${LIMIT:-100000} AS x FORM trades',
    })
    expect(error).toMatchObject({ code: 'SQL_SYNTAX', where: 'sql/views/v.sql:3:30' })
    const [line, caret] = error.detail!.split('\n')
    expect(line!.slice(caret!.indexOf('^'))).toMatch(/^FORM/)
  })

  it('missing variables: all of them, each with its place', async () => {
    const error = await refused({
      'sql/a.sql': 'CREATE VIEW a AS\nSELECT ${ONE} AS x',
      'sql/b.sql': "CREATE VIEW b AS SELECT '${TWO}' AS x",
    })
    expect(error).toMatchObject({ code: 'VARIABLE_MISSING', where: 'sql/a.sql:2:8' })
    expect(error.detail).toBe('sql/a.sql:2:8: ONE\nsql/b.sql:1:26: TWO')
  })

  it('two objects of one name: both places', async () => {
    const error = await refused({
      'sql/a.sql': 'CREATE STREAM s (x int32)',
      'sql/b.sql': '\nCREATE VIEW s AS SELECT 1 AS x',
    })
    expect(error.code).toBe('PROJECT_DUPLICATE')
    expect(error.detail).toBe('sql/a.sql:1:1\nsql/b.sql:2:1')
  })

  it('an unknown name: the place, and the name that was probably meant', async () => {
    const error = await refused({
      ...PIPELINE,
      'sql/views/mv_big.sql': 'CREATE MATERIALIZED VIEW mv_big INTO big AS\nSELECT symbol, price FROM pricy',
    })
    expect(error).toMatchObject({ code: 'PROJECT_UNKNOWN_NAME', where: 'sql/views/mv_big.sql:2:27' })
    expect(error.suggestion).toContain("'pricey' (sql/views/pricey.sql:1:1)")
  })

  it('an unknown target', async () => {
    const { 'sql/streams/big.sql': _, ...files } = PIPELINE
    expect(await refused(files)).toMatchObject({
      code: 'PROJECT_UNKNOWN_NAME',
      where: 'sql/views/mv_big.sql:1:38',
    })
  })

  it('a function misspelt', async () => {
    const error = await refused({
      'sql/a.sql': 'CREATE VIEW a AS SELECT twise(x) AS y FROM c',
      'sql/c.sql': 'CREATE STREAM c (x int32)',
      'sql/udf.sql': 'CREATE FUNCTION twice AS (x) -> x * 2',
    })
    expect(error).toMatchObject({
      code: 'PROJECT_UNKNOWN_NAME',
      suggestion: expect.stringContaining("'twice'"),
    })
  })

  it('a circle of views: its path', async () => {
    const error = await refused({
      'sql/a.sql': 'CREATE VIEW a AS SELECT x FROM b',
      'sql/b.sql': 'CREATE VIEW b AS SELECT x FROM c',
      'sql/c.sql': 'CREATE VIEW c AS SELECT x FROM a',
    })
    expect(error.code).toBe('PROJECT_CYCLE')
    expect(error.message).toContain('a → b → c → a')
    expect(error.detail).toContain('b (sql/b.sql:1:1) uses c')
  })

  it('statements that create nothing', async () => {
    const error = await refused({ 'sql/a.sql': 'CREATE STREAM a (x int32);\nDROP STREAM b;' })
    expect(error).toMatchObject({ code: 'PROJECT_STATEMENT', where: 'sql/a.sql:2:1' })
  })

  it('what an edition cannot do: the place, and what to do instead', async () => {
    const dir = await projectFolder({
      'sql/a.sql': '\nCREATE MUTABLE STREAM a (k string, n uint64 AUTO_INCREMENT) PRIMARY KEY k',
    })
    const project = await loadProject(dir, { env: {}, overrides: { edition: 'oss-1.6' } })
    expect(() => compile(project)).toThrowError(
      expect.objectContaining({ code: 'EDITION_UNSUPPORTED', where: 'sql/a.sql:2:1' }),
    )
    expect(compile(project, 'enterprise').objects).toHaveLength(1)
  })

  it('a file that is not UTF-8', async () => {
    const dir = await projectFolder({})
    const { writeFile } = await import('node:fs/promises')
    await writeFile(`${dir}/sql/a.sql`, Buffer.from([0x2d, 0x2d, 0xe9, 0x0a]))
    await expect(loadProject(dir, { env: {} })).rejects.toMatchObject({ code: 'FILE_ENCODING' })
  })
})
