import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export interface GatewayMetrics {
  registry: Registry
  requests: Counter<'function' | 'status'>
  rows: Counter<'function'>
  cache: Counter<'function' | 'result'>
  errors: Counter<'function'>
  upstream: Counter<'function' | 'provider' | 'outcome'>
  upstreamSeconds: Histogram<'function' | 'provider'>
}

/** The gateway's own registry, so that several gateways live in one process. `state` is read at scrape time. */
export function createMetrics(
  state: () => { function: string; parked: boolean; waiting: number }[],
): GatewayMetrics {
  const registry = new Registry()
  const registers = [registry]
  new Gauge({
    name: 'udf_gateway_parked',
    help: '1 while the provider is left alone (quota used up, key refused)',
    labelNames: ['function'],
    registers,
    collect() {
      for (const one of state()) this.set({ function: one.function }, one.parked ? 1 : 0)
    },
  })
  new Gauge({
    name: 'udf_gateway_waiting',
    help: 'Keys that are being fetched or wait for their turn',
    labelNames: ['function'],
    registers,
    collect() {
      for (const one of state()) this.set({ function: one.function }, one.waiting)
    },
  })
  return {
    registry,
    requests: new Counter({
      name: 'udf_gateway_requests_total',
      help: 'Calls by engines',
      labelNames: ['function', 'status'],
      registers,
    }),
    rows: new Counter({
      name: 'udf_gateway_rows_total',
      help: 'Rows in calls',
      labelNames: ['function'],
      registers,
    }),
    cache: new Counter({
      name: 'udf_gateway_cache_total',
      help: 'Distinct keys of calls by what the cache had',
      labelNames: ['function', 'result'],
      registers,
    }),
    errors: new Counter({
      name: 'udf_gateway_error_answers_total',
      help: 'Distinct keys answered with {"error": …}',
      labelNames: ['function'],
      registers,
    }),
    upstream: new Counter({
      name: 'udf_gateway_upstream_requests_total',
      help: 'Requests to the provider by outcome',
      labelNames: ['function', 'provider', 'outcome'],
      registers,
    }),
    upstreamSeconds: new Histogram({
      name: 'udf_gateway_upstream_seconds',
      help: 'Duration of requests to the provider',
      labelNames: ['function', 'provider'],
      registers,
    }),
  }
}
