import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { AlertNews, TaskEvent } from '../../scripts/index.js'

/** Follows what a runner tells, in numbers. */
export function taskMetrics(registry: Registry): (event: TaskEvent) => void {
  const registers = [registry]
  const labelNames = ['task'] as const
  const runs = new Counter({
    name: 'tpctl_task_runs_total',
    help: 'Runs of a task that are over',
    labelNames: ['task', 'outcome'],
    registers,
  })
  const rows = new Counter({
    name: 'tpctl_task_rows_total',
    help: 'Rows that a task wrote',
    labelNames,
    registers,
  })
  const retries = new Counter({
    name: 'tpctl_task_retries_total',
    help: 'Attempts at a run that failed, and looks at a target that was away',
    labelNames: ['task', 'reason'],
    registers,
  })
  const seconds = new Histogram({
    name: 'tpctl_task_run_seconds',
    help: 'How long a run took, its retries included',
    labelNames,
    buckets: [0.1, 0.5, 1, 5, 10, 30, 60, 300],
    registers,
  })
  const lastSuccess = new Gauge({
    name: 'tpctl_task_last_success_timestamp_seconds',
    help: 'When a task last wrote its rows, in seconds since 1970',
    labelNames,
    registers,
  })
  return (event) => {
    const { task } = event
    if (event.event !== 'run') {
      retries.inc({ task, reason: event.event === 'away' ? 'away' : 'failed' })
      return
    }
    runs.inc({ task, outcome: event.outcome })
    seconds.observe({ task }, event.tookMs / 1000)
    rows.inc({ task }, event.rows)
    if (event.outcome === 'ok') lastSuccess.set({ task }, Date.now() / 1000)
  }
}

export function alertMetrics(registry: Registry): (news: AlertNews) => void {
  const registers = [registry]
  const batches = new Counter({
    name: 'tpctl_alert_batches_total',
    help: 'Batches of events by what became of them',
    labelNames: ['alert', 'outcome'],
    registers,
  })
  const events = new Counter({
    name: 'tpctl_alert_events_total',
    help: 'Events by what became of their batch',
    labelNames: ['alert', 'outcome'],
    registers,
  })
  const retries = new Counter({
    name: 'tpctl_alert_retries_total',
    help: 'Calls that failed, and looks at a target that was away',
    labelNames: ['alert', 'reason'],
    registers,
  })
  const lastDelivery = new Gauge({
    name: 'tpctl_alert_last_delivery_timestamp_seconds',
    help: 'When the function of an alert last took a batch, in seconds since 1970',
    labelNames: ['alert'],
    registers,
  })
  return (news) => {
    const { alert } = news
    if (news.event === 'retry' || news.event === 'away') {
      retries.inc({ alert, reason: news.event === 'away' ? 'away' : 'failed' })
      return
    }
    batches.inc({ alert, outcome: news.event })
    events.inc({ alert, outcome: news.event }, news.events)
    if (news.event === 'delivered') lastDelivery.set({ alert }, Date.now() / 1000)
  }
}
