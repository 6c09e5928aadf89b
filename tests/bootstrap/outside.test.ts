import { describe, expect, it } from 'vitest'
import { compile } from '../../bootstrap/compile.js'
import { loadProject } from '../../bootstrap/project.js'
import { renderScript } from '../../bootstrap/render.js'
import { UserError } from '../../dialect/index.js'
import { planOf } from './deploying.js'
import { FakeEngine } from './fake_engine.js'
import { projectFolder } from './project_folder.js'

const BASE = `CREATE STREAM s (a int32, b string);
CREATE STREAM wide (a int32) SETTINGS shards = 3;
CREATE STREAM counts (n uint64);
CREATE VIEW v AS SELECT a FROM s;
CREATE MATERIALIZED VIEW mv INTO s AS SELECT a, b FROM t;
CREATE STREAM t (a int32, b string);
CREATE FUNCTION f(a int32) RETURNS int32 LANGUAGE JAVASCRIPT AS $$ function f(a) { return a } $$;
CREATE AGGREGATE FUNCTION agg(a int32) RETURNS int32 LANGUAGE JAVASCRIPT AS $$ { initialize: function () {} } $$;
CREATE FUNCTION plus AS (x) -> x + 1;
CREATE REMOTE FUNCTION r(a int32, b string) RETURNS string URL 'http://127.0.0.1:1/';
`
const TASK = 'CREATE TASK count_s SCHEDULE 5m INTO counts AS SELECT count() AS n FROM table(s)'
const ALERT = 'CREATE ALERT high BATCH 2 EVENTS CALL f AS SELECT a FROM s WHERE a > 1'

const projectOf = async (statement: string) =>
  loadProject(await projectFolder({ 'sql/all.sql': `${BASE}${statement};` }), { env: {} })

describe('what Proton 1.6 lacks and tpctl runs from outside', () => {
  it('is no object of the deployment there, and one on the other editions', async () => {
    const project = await projectOf(`${TASK};\n${ALERT}`)
    const { objects, outside } = compile(project, 'oss-1.6')
    expect(objects.map(({ kind }) => kind)).not.toContain('task')
    expect(outside.map(({ key, notes }) => [key, notes]).sort()).toEqual([
      ['alert:high', ['Proton 1.6 has no alerts: `tpctl run-alerts` runs high']],
      ['task:count_s', ['Proton 1.6 has no tasks: `tpctl run-tasks` runs count_s']],
    ])
    expect(outside.find(({ kind }) => kind === 'alert')).toMatchObject({
      stream: 's',
      fn: { name: { name: 'f' } },
    })
    for (const edition of ['embedded', 'oss-3', 'enterprise'] as const) {
      const other = compile(project, edition)
      expect(other.outside).toEqual([])
      expect(other.objects.map(({ key }) => key)).toEqual(
        expect.arrayContaining(['alert:high', 'task:count_s']),
      )
    }
  })

  it('is told in the plan and in the script, and is nothing to do', async () => {
    const plan = await planOf(
      { 'sql/all.sql': `CREATE STREAM s (a int32);\n${TASK.replace('counts', 's')};` },
      new FakeEngine(),
    )
    expect(plan.outside).toEqual([{ kind: 'task', name: 'count_s', command: 'run-tasks' }])
    expect(plan.changes.map(({ key }) => key)).toEqual(['s'])
    const script = renderScript(compile(await projectOf(ALERT), 'oss-1.6'))
    expect(script).toContain('`tpctl run-alerts` runs high')
    expect(script).not.toMatch(/^CREATE ALERT/m)
  })

  it.each([
    ['SELECT a FROM mv', 's'],
    ['SELECT a FROM other.events', 'other.events'],
    ["SELECT a FROM s SETTINGS seek_to = 'earliest'", 's'],
    ["SELECT x.a + 1 AS a FROM s AS x WHERE x.b != ''", 's'],
  ])('an alert knows whose sequence numbers count: %s', async (query, stream) => {
    const { outside } = compile(await projectOf(`CREATE ALERT high CALL f AS ${query}`), 'oss-1.6')
    expect(outside).toMatchObject([{ stream }])
  })

  it.each([
    [TASK.replace('table(s)', 's'), 'reads s as a stream', 'table(s)'],
    [ALERT.replace('FROM s', 'FROM v'), 'v is a view', 'the stream behind'],
    [ALERT.replace('FROM s', 'FROM wide'), '3 shards', 'one shard'],
    [ALERT.replace('SELECT a', 'SELECT max(a)'), 'aggregates', 'materialized view'],
    [ALERT.replace('SELECT a', 'SELECT lag(a)'), 'looks back', 'materialized view'],
    [ALERT.replace('SELECT a', 'SELECT DISTINCT a'), 'DISTINCT', 'materialized view'],
    [
      'CREATE ALERT high CALL f AS SELECT s.a FROM s INNER JOIN t ON s.a = t.a',
      'keeps rows of both',
      'materialized view',
    ],
    [`${ALERT} AND a IN (SELECT a FROM table(t))`, 'no simple SELECT', 'materialized view'],
    [`${ALERT} SETTINGS seek_to = '-1h'`, 'begins at a time', 'earliest'],
    [ALERT.replace('CALL f', 'CALL elsewhere'), 'no function elsewhere', 'REMOTE FUNCTION'],
    [ALERT.replace('CALL f', 'CALL agg'), 'neither a JavaScript nor a remote', 'REMOTE FUNCTION'],
    [ALERT.replace('CALL f', 'CALL plus'), 'neither a JavaScript nor a remote', 'REMOTE FUNCTION'],
    [ALERT.replace('CALL f', 'CALL r'), 'takes 2 arguments', 'in that order'],
  ])('is refused where the runner cannot do it: %s', async (statement, why, instead) => {
    const project = await projectOf(statement)
    let refused: unknown
    try {
      compile(project, 'oss-1.6')
    } catch (error) {
      refused = error
    }
    expect(refused).toBeInstanceOf(UserError)
    expect(refused).toMatchObject({
      code: 'EDITION_UNSUPPORTED',
      message: expect.stringContaining(why),
      suggestion: expect.stringContaining(instead),
      where: 'sql/all.sql:11:1',
    })
    expect(compile(project, 'enterprise').outside).toEqual([])
  })
})
