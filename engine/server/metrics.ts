import { createServer } from 'node:http'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { StatementDeps } from '../statements/deps.js'
import { viewLag } from '../statements/system_relations.js'
import { type Listener, listen } from './http.js'

/** Prometheus metrics of the engine, on a port of their own at `/metrics`. */
export async function listenMetrics(
  options: { host: string; port: number },
  deps: StatementDeps,
): Promise<Listener> {
  const registry = engineMetrics(deps)
  const server = createServer((request, response) => {
    if (request.url !== '/metrics' && request.url !== '/') {
      response.writeHead(404).end()
      return
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    )
  })
  return listen(server, { ...options, setting: 'metrics' })
}

function engineMetrics(deps: StatementDeps): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  new Gauge({
    name: 'tpctl_queries_running',
    help: 'Statements of clients that run now',
    registers,
    collect() {
      this.set(deps.queries.counters.running)
    },
  })
  for (const [name, help, value] of [
    [
      'tpctl_queries_finished_total',
      'Statements of clients that have ended',
      () => deps.queries.counters.finished,
    ],
    [
      'tpctl_queries_failed_total',
      'Statements of clients that have ended with an error',
      () => deps.queries.counters.failed,
    ],
  ] as const) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(value())
      },
    })
  }
  new Gauge({
    name: 'tpctl_stream_last_sn',
    help: 'Sequence number of the last row of a stream: rows written since it was created',
    labelNames: ['stream'],
    registers,
    collect() {
      this.reset()
      for (const object of deps.catalog.list()) {
        if (object.kind === 'stream')
          this.set({ stream: `${object.name.database}.${object.name.name}` }, deps.store.lastSn(object))
      }
    },
  })
  new Gauge({
    name: 'tpctl_view_lag_rows',
    help: 'Rows that a materialized view has still to read',
    labelNames: ['view'],
    registers,
    collect() {
      this.reset()
      eachView(deps, (view, status) => this.set({ view }, viewLag(status)))
    },
  })
  new Gauge({
    name: 'tpctl_view_rows_out',
    help: 'Rows that a materialized view has written since the engine started',
    labelNames: ['view'],
    registers,
    collect() {
      this.reset()
      eachView(deps, (view, status) => this.set({ view }, status.rowsOut))
    },
  })
  new Gauge({
    name: 'tpctl_view_healthy',
    help: '1 while a materialized view runs, 0 while it retries, is paused or has failed',
    labelNames: ['view'],
    registers,
    collect() {
      this.reset()
      eachView(deps, (view, status) =>
        this.set({ view }, status.state === 'running' || status.state === 'starting' ? 1 : 0),
      )
    },
  })
  return registry
}

function eachView(
  deps: StatementDeps,
  visit: (name: string, status: NonNullable<ReturnType<StatementDeps['runtime']['status']>>) => void,
): void {
  for (const view of deps.catalog.list()) {
    if (view.kind !== 'materialized_view') continue
    const status = deps.runtime.status(view)
    if (status) visit(`${view.name.database}.${view.name.name}`, status)
  }
}
