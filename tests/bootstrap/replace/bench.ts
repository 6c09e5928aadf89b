import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { type ApplyOptions, applyPlan } from '../../../bootstrap/apply.js'
import { compile } from '../../../bootstrap/compile.js'
import type { Edition } from '../../../bootstrap/config.js'
import { LEDGER } from '../../../bootstrap/ledger.js'
import { readLive } from '../../../bootstrap/live.js'
import type { Plan } from '../../../bootstrap/model.js'
import { planDeployment } from '../../../bootstrap/plan.js'
import { loadProject } from '../../../bootstrap/project.js'
import { connect } from '../../../bootstrap/target.js'
import { until } from '../../../bootstrap/until.js'
import type { ProtonClient } from '../../../driver/index.js'
import { type Engine, startEngine } from '../../../engine/engine.js'
import { projectFolder } from '../project_folder.js'

export type Files = Record<string, string>

/** An engine, a writer that never rests, and readers that never close their eyes. */
export class Bench {
  client!: ProtonClient
  /** Rows written so far: 1, 2, 3 … */
  written = 0
  /** What readers found wrong. */
  readonly complaints: string[] = []
  /** Stops an apply: called with every statement before it is sent. */
  intercept: (sql: string) => void = () => {}
  #busy = true
  #writing = false
  #loops: Promise<void>[] = []

  private constructor(
    readonly dir: string,
    public engine: Engine,
    readonly edition: Edition,
  ) {}

  /** With another edition the engine is taken for a server, and gets nothing but what that understands. */
  static async start(edition: Edition = 'embedded'): Promise<Bench> {
    const dir = await mkdtemp(join(tmpdir(), 'tpctl-replace-'))
    const bench = new Bench(dir, await Bench.#engine(dir), edition)
    await bench.#connect()
    return bench
  }

  static #engine(dir: string): Promise<Engine> {
    return startEngine({ dir, ports: { http: 0, stream: 0, metrics: 0, kafka: 0 } })
  }

  async #connect(): Promise<void> {
    this.client = connect((await this.#load({})).target)
    const exec = this.client.exec.bind(this.client)
    this.client.exec = async (sql, options) => {
      this.intercept(sql)
      return exec(sql, options)
    }
    const insert = this.client.insert.bind(this.client) as (...args: unknown[]) => Promise<never>
    this.client.insert = async (stream: string, rows: unknown, options: unknown) => {
      if (stream === LEDGER)
        this.intercept(`INSERT ${JSON.stringify(rows, (_, v) => (typeof v === 'bigint' ? String(v) : v))}`)
      return insert(stream, rows, options)
    }
  }

  /** As after a crash of the engine, though in order. */
  async restart(): Promise<void> {
    await this.client.close()
    await this.engine.close()
    this.engine = await Bench.#engine(this.dir)
    await this.#connect()
  }

  async close(): Promise<void> {
    await this.rest()
    await this.client.close()
    await this.engine.close()
    await rm(this.dir, { recursive: true, force: true })
  }

  async #load(files: Files) {
    const { url, streamUrl, brokers } = this.engine
    const overrides = { url, streamUrl, brokers, edition: this.edition }
    return loadProject(await projectFolder(files), { env: {}, overrides })
  }

  async plan(files: Files): Promise<Plan> {
    const deployment = compile(await this.#load(files))
    return planDeployment(deployment, await readLive(this.client, deployment.objects))
  }

  /** Applies, expects nothing to be left to do, and tells the ways that were taken. */
  async deploy(files: Files, options: ApplyOptions = {}): Promise<string[]> {
    const plan = await this.plan(files)
    await applyPlan(plan, this.client, { maxLag: 300, ...options })
    expect(said(await this.plan(files))).toEqual([])
    return said(plan)
  }

  /** Rows `1, 2, 3 …` into `src`, a few at a time, until `rest`. */
  write(stream = 'src'): void {
    if (this.#writing) return
    this.#writing = true
    this.#busy = true
    this.#loops.push(
      this.#loop(50, async () => {
        const values = [1, 2, 3].map((i) => [this.written + i, (this.written + i) % 5])
        await this.client.insert(stream, values, { columns: ['n', 'k'] })
        this.written += values.length
      }),
    )
  }

  /** Reads a stable name again and again: it must never be missing, empty or have less than before. */
  watch(stream: string): void {
    let most = 0
    this.#loops.push(
      this.#loop(80, async () => {
        try {
          const [row] = await this.client.rows<{ n: string }>(`SELECT count() AS n FROM table(${stream})`)
          const count = Number(row!.n)
          if (count === 0 && most > 0) this.complaints.push(`${stream} is empty`)
          most = Math.max(most, count)
        } catch (error) {
          this.complaints.push(`${stream}: ${error instanceof Error ? error.message : error}`)
        }
      }),
    )
  }

  async #loop(pauseMs: number, body: () => Promise<void>): Promise<void> {
    while (this.#busy) {
      await body()
      await wait(pauseMs)
    }
  }

  /** Ends writers and readers. */
  async rest(): Promise<void> {
    this.#busy = false
    this.#writing = false
    await Promise.all(this.#loops.splice(0))
    expect(this.complaints).toEqual([])
  }

  /** Waits until `column` of `stream` has every number that was written, and only once. */
  async exactlyOnce(stream: string, column = 'n', factor = 1): Promise<void> {
    const count = async () => {
      const [row] = await this.client.rows<{ n: string }>(`SELECT count() AS n FROM table(${stream})`)
      return Number(row!.n)
    }
    await until(async () => ((await count()) >= this.written ? true : undefined), {
      what: `${stream} to have ${this.written} rows`,
      timeoutMs: 20_000,
    }).catch(() => undefined)
    await wait(50)
    const [row] = await this.client.rows<Record<string, string>>(
      `SELECT count() AS rows, unique_exact(${column}) AS different, min(${column}) AS low, max(${column}) AS high FROM table(${stream})`,
    )
    expect({
      rows: Number(row!.rows),
      different: Number(row!.different),
      low: Number(row!.low),
      high: Number(row!.high),
    }).toEqual({ rows: this.written, different: this.written, low: factor, high: this.written * factor })
  }
}

/** `alter mv (modify)`: what a plan does. */
export function said(plan: Plan): string[] {
  return plan.changes
    .filter(({ action }) => action !== 'unchanged')
    .map(({ action, key, strategy }) => `${action} ${key}${strategy ? ` (${strategy.name})` : ''}`)
}
