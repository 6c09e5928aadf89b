/** tpctl killed at every step of every way to replace something, before and after the step is carried out. */
import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../../bootstrap/apply.js'
import { compile } from '../../../bootstrap/compile.js'
import { readLeftovers, readLive } from '../../../bootstrap/live.js'
import type { Deployment, Plan } from '../../../bootstrap/model.js'
import { planDeployment } from '../../../bootstrap/plan.js'
import { loadProject } from '../../../bootstrap/project.js'
import type { Edition } from '../../../dialect/index.js'
import { projectFolder } from '../project_folder.js'
import { said } from './bench.js'
import { FakeServer } from './fake_server.js'

type Files = Record<string, string>

const SRC = { 'sql/src.sql': 'CREATE STREAM src (n uint64, k uint64)' }
const PLAIN = {
  ...SRC,
  'sql/dst.sql': 'CREATE STREAM dst (n uint64)',
  'sql/dst2.sql': 'CREATE STREAM dst2 (n uint64)',
  'sql/mv.sql': 'CREATE MATERIALIZED VIEW mv INTO dst AS SELECT n FROM src',
}
const OTHER_TARGET = { 'sql/mv.sql': 'CREATE MATERIALIZED VIEW mv INTO dst2 AS SELECT n FROM src' }
const SUMS = (expr: string) => ({
  'sql/mv.sql': `CREATE MATERIALIZED VIEW mv INTO sums AS SELECT k, ${expr} AS total FROM src GROUP BY k`,
})
const KEYED = {
  ...SRC,
  'sql/sums.sql': 'CREATE MUTABLE STREAM sums (k uint64, total uint64) PRIMARY KEY k',
  ...SUMS('count()'),
}
const CHAIN = {
  ...SRC,
  'sql/mid.sql': 'CREATE STREAM mid (n uint64, k uint64)',
  'sql/fill.sql': 'CREATE MATERIALIZED VIEW fill INTO mid AS SELECT n, k FROM src',
  'sql/end.sql': 'CREATE STREAM end (n uint64)',
  'sql/drain.sql': 'CREATE MATERIALIZED VIEW drain INTO end AS SELECT n FROM mid',
}

interface Scenario {
  way: string
  edition: Edition
  before: Files
  after: Files
  expected: string[]
}

const SCENARIOS: Scenario[] = [
  {
    way: 'modify',
    edition: 'embedded',
    before: PLAIN,
    after: { 'sql/mv.sql': 'CREATE MATERIALIZED VIEW mv INTO dst AS SELECT n FROM src WHERE n > 1' },
    expected: ['alter mv (modify)'],
  },
  {
    way: 'handover',
    edition: 'embedded',
    before: PLAIN,
    after: OTHER_TARGET,
    expected: ['replace mv (handover)'],
  },
  {
    way: 'handover',
    edition: 'enterprise',
    before: PLAIN,
    after: OTHER_TARGET,
    expected: ['replace mv (handover)'],
  },
  {
    way: 'overwrite',
    edition: 'oss-1.6',
    before: KEYED,
    after: SUMS('max(n)'),
    expected: ['replace mv (overwrite)'],
  },
  {
    way: 'rebuild',
    edition: 'embedded',
    before: KEYED,
    after: SUMS('max(n)'),
    expected: ['replace sums (rebuild)', 'replace mv (rebuild)'],
  },
  {
    way: 'rebuild of a chain',
    edition: 'embedded',
    before: {
      ...KEYED,
      'sql/loud.sql': 'CREATE VIEW loud AS SELECT k, total FROM sums WHERE total > 0',
      'sql/most.sql': 'CREATE STREAM most (k uint64, most uint64)',
      'sql/mv_most.sql':
        'CREATE MATERIALIZED VIEW mv_most INTO most AS SELECT k, max(loud.total) AS most FROM loud GROUP BY k',
    },
    after: SUMS('max(n)'),
    expected: ['sums', 'mv', 'loud', 'most', 'mv_most'].map((name) => `replace ${name} (rebuild)`),
  },
  {
    way: 'copy',
    edition: 'embedded',
    before: CHAIN,
    after: { 'sql/mid.sql': 'CREATE STREAM mid (n uint64, k uint32)' },
    expected: ['replace mid (copy)', 'replace drain (handover)'],
  },
  {
    way: 'copy back',
    edition: 'enterprise',
    before: {
      ...SRC,
      'sql/mid.sql': 'CREATE STREAM mid (n uint64, k uint64)',
      'sql/fill.sql': 'CREATE MATERIALIZED VIEW fill INTO mid AS SELECT n, k FROM src',
      'sql/shown.sql': 'CREATE VIEW shown AS SELECT n FROM mid',
    },
    after: { 'sql/mid.sql': 'CREATE STREAM mid (n uint64, k uint32)' },
    expected: ['replace fill (handover)', 'replace mid (copy)', 'replace shown'],
  },
]

describe.each(SCENARIOS)('$way on $edition', ({ edition, before, after, expected }) => {
  const deployments = { before: {} as Deployment, after: {} as Deployment }

  async function compiled(files: Files): Promise<Deployment> {
    const project = await loadProject(await projectFolder(files), { env: {}, overrides: { edition } })
    return compile(project, edition)
  }
  const plan = async (side: 'before' | 'after', server: FakeServer): Promise<Plan> =>
    planDeployment(deployments[side], await readLive(server.client, deployments[side].objects))
  const apply = async (side: 'before' | 'after', server: FakeServer) =>
    applyPlan(await plan(side, server), server.client, { allowDestructive: true, settleMs: 0 })

  /** As it is before the change. */
  async function fresh(): Promise<FakeServer> {
    const server = new FakeServer(edition)
    await apply('before', server)
    server.steps = 0
    return server
  }

  it('ends alike wherever it was killed, whether it goes on or is given up', async () => {
    deployments.before = await compiled(before)
    deployments.after = await compiled({ ...before, ...after })
    const undisturbed = await fresh()
    const original = undisturbed.look()
    expect(said(await plan('after', undisturbed)).sort()).toEqual(expected.sort())
    await apply('after', undisturbed)
    const { steps } = undisturbed
    const wanted = undisturbed.look()

    for (let step = 1; step <= steps; step++)
      for (const done of [false, true])
        for (const side of ['after', 'before'] as const) {
          const where = `killed ${done ? 'after' : 'before'} step ${step} of ${steps}, then ${side}`
          const server = await fresh()
          server.killAt = { step, done }
          await expect(apply('after', server), where).rejects.toMatchObject({ code: 'KILLED' })
          server.killAt = undefined
          const noted = [...server.ledger.values()].some((row) => String(row.sql).includes('"running"'))
          if (noted) expect(await readLeftovers(server.client), where).not.toEqual([])
          // What goes on is killed once more, somewhere.
          server.steps = 0
          server.killAt = { step: 1 + ((step * 7) % 5), done: !done }
          for (let attempt = 1; attempt <= 2; attempt++) {
            await apply(side, server).catch((cause) => {
              if (attempt === 2 || cause.code !== 'KILLED')
                throw new Error(`${where}, ends in an error`, { cause })
            })
            server.killAt = undefined
          }
          expect(await plan(side, server), where).toMatchObject({ empty: true, notices: [] })
          expect(server.complaints, where).toEqual([])
          const found = server.look()
          if (side === 'after') expect(found, where).toEqual(wanted)
          else expect(inForce(found), where).toEqual(inForce(original))
        }
  })
})

/** Without versions that are kept. */
function inForce(found: Record<string, unknown>): unknown {
  return Object.fromEntries(Object.entries(found).filter(([name]) => !name.endsWith('__was')))
}
