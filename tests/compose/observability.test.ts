import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { feedMetrics, feedRecorder } from '../../cli/feed_metrics.js'
import { alertMetrics, taskMetrics } from '../../cli/outside/metrics.js'
import { createMetrics } from '../../udfs/runtime/gateway/metrics.js'
import { ROOT } from '../e2e/support.js'
import { TestEngine } from '../engine/server/harness.js'

interface Dashboard {
  panels: { title: string; targets: { expr: string; legendFormat: string }[] }[]
}

const folder = join(ROOT, 'docker', 'observability')
const dashboard = JSON.parse(readFileSync(join(folder, 'dashboards', 'tpctl.json'), 'utf8')) as Dashboard

let engine: TestEngine
let known: Map<string, string[]>

beforeAll(async () => {
  engine = await TestEngine.start()
  await engine.run('CREATE STREAM s (i int32)')
  await engine.run('CREATE MATERIALIZED VIEW v AS SELECT i FROM s')
  const recorder = feedRecorder()
  recorder.progress('strict', { fetched: 1 })
  recorder.finished('strict', 'ok')
  const gateway = createMetrics(() => [{ function: 'f', parked: false, waiting: 0 }])
  gateway.requests.inc({ function: 'f', status: '200' })
  gateway.rows.inc({ function: 'f' })
  gateway.cache.inc({ function: 'f', result: 'hit' })
  gateway.upstream.inc({ function: 'f', provider: 'p', outcome: 'ok' })
  gateway.upstreamSeconds.observe({ function: 'f', provider: 'p' }, 0.1)
  const runners = new Registry()
  const task = taskMetrics(runners)
  const run = { task: 't', scheduledAt: '', outcome: 'ok' as const, rows: 1, tookMs: 5, attempts: 1 }
  task({ event: 'run', ...run })
  const alert = alertMetrics(runners)
  alert({ event: 'delivered', alert: 'a', events: 2, attempts: 1 })
  alert({ event: 'retry', alert: 'a', error: '', inMs: 1 })
  const exposed = [
    await (await fetch(engine.engine.metricsUrl)).text(),
    await recorder.registry.metrics(),
    await runners.metrics(),
    await gateway.registry.metrics(),
  ].join('\n')
  known = new Map()
  for (const [, name, labels] of exposed.matchAll(/^([a-z_]+)(?:\{(.*)\})? /gm)) {
    const names = [...(labels ?? '').matchAll(/(\w+)="/g)].map((label) => label[1]!)
    known.set(name!, [...new Set([...(known.get(name!) ?? []), ...names])])
  }
})
afterAll(() => engine.close())

describe('the dashboard', () => {
  it('asks for metrics and labels that are there', () => {
    expect(dashboard.panels.length).toBeGreaterThan(10)
    for (const { title, targets } of dashboard.panels) {
      for (const { expr, legendFormat } of targets) {
        const names = [...expr.matchAll(/\b(?:tpctl|udf_gateway|process)_[a-z_]+/g)].map(([name]) => name)
        expect(names, title).toHaveLength(1)
        expect([...known.keys()], title).toContain(names[0])
        const labels = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map((label) => label[1]!)
        for (const label of labels.filter((name) => name !== 'instance')) {
          expect(known.get(names[0]!), `${title}: ${label}`).toContain(label)
        }
      }
    }
  })

  it('reads the source that is provisioned, which reads what is scraped', () => {
    const { datasources } = parse(readFileSync(join(folder, 'grafana', 'datasource.yml'), 'utf8')) as {
      datasources: { uid: string; url: string }[]
    }
    expect(JSON.stringify(dashboard)).toContain(`"uid":"${datasources[0]!.uid}"`)
    const compose = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
      services: Record<string, unknown>
    }
    const { scrape_configs } = parse(readFileSync(join(folder, 'prometheus.yml'), 'utf8')) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[]
    }
    const hosts = scrape_configs.flatMap(({ static_configs }) =>
      static_configs.flatMap(({ targets }) => targets.map((target) => target.split(':')[0]!)),
    )
    hosts.push(new URL(datasources[0]!.url).hostname)
    for (const host of hosts)
      expect([...Object.keys(compose.services), 'host.docker.internal']).toContain(host)
  })
})

describe('metrics of a feeder', () => {
  it('count what became of records, over runs', async () => {
    const { registry, ...recorder } = feedRecorder()
    recorder.progress('all', { fetched: 5, written: 3 })
    recorder.progress('all', { fetched: 9, written: 7, rejected: 2 })
    recorder.finished('all', 'ok')
    recorder.progress('all', { fetched: 9, unchanged: 9 })
    recorder.finished('all', 'failed')
    const text = await registry.metrics()
    expect(text).toContain('tpctl_feed_records_total{feed="all",outcome="fetched"} 18')
    expect(text).toContain('tpctl_feed_records_total{feed="all",outcome="written"} 7')
    expect(text).toContain('tpctl_feed_runs_total{feed="all",outcome="failed"} 1')
  })

  it('are served at /metrics, on a port that is free', async () => {
    const first = await feedMetrics({ metricsPort: 0 })
    first.progress('trending_5m', { fetched: 1 })
    expect(first.port).toBeGreaterThan(0)
    const text = await (await fetch(`http://127.0.0.1:${first.port}/metrics`)).text()
    expect(text).toContain('feed="trending_5m"')
    await expect(feedMetrics({ metricsPort: first.port })).rejects.toMatchObject({ code: 'PORT_IN_USE' })
    await first.close()
  })
})
