import { describe, expect, it } from 'vitest'
import { compile } from '../../../bootstrap/compile.js'
import { loadProject } from '../../../bootstrap/project.js'
import { neededObjects } from '../../../cli/sqltest/needed.js'
import { projectFolder } from '../../bootstrap/project_folder.js'

const FILES = {
  'sql/a.sql': 'CREATE STREAM raw (x int32)',
  'sql/b.sql': 'CREATE STREAM other (x int32)',
  'sql/c.sql': 'CREATE STREAM clean (x int32)',
  'sql/d.sql': 'CREATE STREAM counted (n uint64)',
  'sql/e.sql': 'CREATE FUNCTION twice AS (x) -> x * 2',
  'sql/f.sql': 'CREATE FUNCTION never AS (x) -> x',
  'sql/g.sql': 'CREATE VIEW positive AS SELECT twice(x) AS x FROM raw WHERE x > 0',
  'sql/h.sql': 'CREATE MATERIALIZED VIEW mv_clean INTO clean AS SELECT x FROM positive',
  'sql/i.sql': 'CREATE MATERIALIZED VIEW mv_other INTO clean AS SELECT x FROM other',
  'sql/j.sql': 'CREATE MATERIALIZED VIEW mv_counted INTO counted AS SELECT count() AS n FROM clean',
}

async function needed(given: string[], wanted: string[], functions: string[] = []): Promise<string[]> {
  const deployment = compile(await loadProject(await projectFolder(FILES), { env: {} }))
  const scope = { given: new Set(given), wanted: new Set(wanted), functions: new Set(functions) }
  return neededObjects(deployment, scope).map(({ name }) => name)
}

describe('what a test needs', () => {
  it('is the way from the rows to what is looked at, with its functions', async () => {
    expect((await needed(['raw'], ['clean'])).sort()).toEqual([
      'clean',
      'mv_clean',
      'positive',
      'raw',
      'twice',
    ])
  })

  it('leaves out views that no given row reaches, and what lies behind', async () => {
    const all = await needed(['other'], ['clean'])
    expect(all.sort()).toEqual(['clean', 'mv_other', 'other'])
    expect(await needed(['clean'], ['clean'])).toEqual(['clean'])
  })

  it('is the whole chain, in an order in which it can be created', async () => {
    const all = await needed(['raw'], ['counted'])
    expect(all).toContain('mv_counted')
    expect(all.indexOf('positive')).toBeLessThan(all.indexOf('mv_clean'))
    expect(all.indexOf('clean')).toBeLessThan(all.indexOf('mv_clean'))
    expect(all).not.toContain('mv_other')
  })

  it('has what a view reads though nobody gives it rows, and functions of the test itself', async () => {
    expect((await needed([], ['positive'])).sort()).toEqual(['positive', 'raw', 'twice'])
    expect(await needed([], [], ['never'])).toEqual(['never'])
    expect(await needed([], ['mv_counted'])).toContain('counted')
  })
})
