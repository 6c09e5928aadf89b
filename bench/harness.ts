import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { applyPlan } from '../bootstrap/apply.js'
import { compile } from '../bootstrap/compile.js'
import { readLive } from '../bootstrap/live.js'
import { planDeployment } from '../bootstrap/plan.js'
import { ensureTopics } from '../bootstrap/topics.js'
import { ANY_PORTS, bringUp, type Embedded, takeDown } from '../cli/embedded/lifecycle.js'
import { createOutput } from '../cli/output.js'
import { packageRoot } from '../cli/package_root.js'
import { openProject } from '../cli/target.js'
import { ProtonClient } from '../driver/index.js'

/** One line of the table: what the engine does, and the same work done by hand, measured in the same run. */
export interface Measurement {
  what: string
  unit: string
  engine: number
  byHand: number
  /** What "by hand" is. */
  baseline: string
  /** Larger is better, as for rows/s; not for latencies and memory. */
  moreIsBetter: boolean
  /** What is promised: a bound for the engine's figure, or for its ratio to what is done by hand. */
  limit?: { of: 'engine' | 'ratio'; bound: number }
}

/** Whether a measurement keeps its limit; undefined where it has none. */
export function keepsLimit({ engine, byHand, moreIsBetter, limit }: Measurement): boolean | undefined {
  if (!limit) return undefined
  const figure = limit.of === 'engine' ? engine : engine / byHand
  return moreIsBetter ? figure >= limit.bound : figure <= limit.bound
}

export interface BenchContext {
  /** Work sizes are multiplied by this: 1 for the figures in the docs, less for a quick look. */
  scale: number
  /** A fresh folder, deleted afterwards. */
  dir: string
}

export interface BenchCase {
  name: string
  run(context: BenchContext): Promise<Measurement[]>
}

export async function withTempDir<T>(body: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'tpctl-bench-'))
  try {
    return await body(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

export interface BenchEngine extends Embedded {
  client: ProtonClient
  stateDir: string
}

/** The engine and gateway as the user runs them: processes of their own. */
export async function withEngine<T>(dir: string, body: (engine: BenchEngine) => Promise<T>): Promise<T> {
  const stateDir = join(dir, 'state')
  const up = await bringUp({ projectDir: packageRoot(), stateDir, ports: ANY_PORTS })
  const client = new ProtonClient({ url: up.engine.url, streamUrl: up.engine.streamUrl })
  try {
    return await body({ ...up, client, stateDir })
  } finally {
    await client.close()
    await takeDown(stateDir)
  }
}

/** Deploys the flagship; `prepare` runs when the topic exists and nothing else does. */
export async function deployFlagship(engine: BenchEngine, prepare?: () => Promise<void>): Promise<void> {
  const { project, client } = await openProject({
    output: createOutput({ quiet: true }),
    projectDir: packageRoot(),
    stateDir: engine.stateDir,
    target: 'embedded',
    debug: false,
    signal: new AbortController().signal,
  })
  try {
    const deployment = compile(project)
    await ensureTopics(engine.engine, deployment.topics)
    await prepare?.()
    const live = await readLive(client, deployment.objects)
    await applyPlan(planDeployment(deployment, live), client)
  } finally {
    await client.close()
  }
}

/** Runs a function of bench/by_hand.ts in a process of its own: chDB holds one folder per process. */
export function byHand<T>(name: string, input: object): Promise<T> {
  return inChild<T>('by_hand.js', { name, input })
}

/** Runs a script of this folder with a message, and resolves with the message it sends back. */
export function inChild<T>(script: string, message: object): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL(script, import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    let answer: T | undefined
    child.once('message', (value) => {
      answer = value as T
    })
    child.once('error', reject)
    child.once('exit', (code) =>
      code === 0 && answer !== undefined
        ? resolve(answer)
        : reject(new Error(`${script} ended with ${code}`)),
    )
    child.send(message)
  })
}

/** A child that is asked again and again: one answer to each message. */
export class Child {
  readonly #child: ChildProcess

  constructor(script: string) {
    this.#child = fork(fileURLToPath(new URL(script, import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  ask<T>(message: object | string): Promise<T> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`the child ended with ${code}`))
      this.#child.once('exit', ended)
      this.#child.once('message', (answer) => {
        this.#child.off('exit', ended)
        resolve(answer as T)
      })
      this.#child.send(message)
    })
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.send('end')
    await ended
  }
}

/** Seconds that `body` takes. */
export async function seconds(body: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await body()
  return (performance.now() - started) / 1000
}

/** Polls until `count` rows are there. */
export async function untilRows(client: ProtonClient, query: string, count: number): Promise<void> {
  for (;;) {
    const [row] = await client.rows<{ value: string }>(query)
    if (Number(row?.value ?? 0) >= count) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export function percentile(values: number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)]!
}
