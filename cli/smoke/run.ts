import { setTimeout as sleep } from 'node:timers/promises'
import type { SmokeCase } from './checks.js'

export interface SmokeResult {
  view: string
  title: string
  passed: boolean
  /** What is missing; empty when passed. */
  message: string
  /** The last value seen. */
  value?: number
  seconds: number
}

/** Between two rounds of questions. */
const POLL_MS = 250

/**
 * Asks until every case passes or the deadline (milliseconds) is over: pipelines are asynchronous, so a view
 * that is not there yet or is short of rows is asked again.
 */
export async function runSmoke(
  cases: SmokeCase[],
  ask: (sql: string) => Promise<number>,
  options: { deadlineMs: number; signal?: AbortSignal; onResult?: (result: SmokeResult) => void },
): Promise<SmokeResult[]> {
  const started = performance.now()
  const results: (SmokeResult | undefined)[] = cases.map(() => undefined)
  for (;;) {
    for (const [i, smokeCase] of cases.entries()) {
      if (results[i]?.passed) continue
      const result = await askOnce(smokeCase, ask)
      result.seconds = (performance.now() - started) / 1000
      results[i] = result
      if (result.passed) options.onResult?.(result)
    }
    const open = results.filter((result) => !result!.passed)
    if (open.length === 0 || options.signal?.aborted || performance.now() - started >= options.deadlineMs)
      break
    await sleep(POLL_MS)
  }
  const all = results as SmokeResult[]
  for (const result of all) if (!result.passed) options.onResult?.(result)
  return all
}

async function askOnce(smokeCase: SmokeCase, ask: (sql: string) => Promise<number>): Promise<SmokeResult> {
  const { view, title } = smokeCase
  try {
    const value = await ask(smokeCase.sql)
    const passed = smokeCase.passes(value)
    return { view, title, passed, message: passed ? '' : smokeCase.explain(value), value, seconds: 0 }
  } catch (error) {
    return {
      view,
      title,
      passed: false,
      message: error instanceof Error ? error.message : String(error),
      seconds: 0,
    }
  }
}
