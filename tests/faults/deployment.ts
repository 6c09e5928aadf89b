import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import {
  ANY_PORTS,
  bringUp,
  type Embedded,
  type Ports,
  stateFiles,
  takeDown,
} from '../../cli/embedded/lifecycle.js'
import { ProtonClient } from '../../driver/index.js'

const ROOT = resolve(import.meta.dirname, '../..')

/** The flagship as a user has it: engine and gateway as processes of the compiled package, deployed by the CLI. */
export class Deployment {
  readonly client: ProtonClient

  private constructor(
    readonly stateDir: string,
    readonly ports: Ports,
    private embedded: Embedded,
    /** Folder of the project that is deployed. */
    readonly project: string,
  ) {
    this.client = new ProtonClient({ url: embedded.engine.url, streamUrl: embedded.engine.streamUrl })
  }

  static async start(project = ROOT): Promise<Deployment> {
    const stateDir = await mkdtemp(join(tmpdir(), 'tpctl-faults-'))
    const embedded = await bringUp({ projectDir: ROOT, stateDir, ports: ANY_PORTS })
    const port = (url: string) => Number(new URL(url).port)
    const { engine, gateway } = embedded
    // The external stream knows its broker by the port, and functions know the gateway: they outlive the process.
    const ports: Ports = {
      http: port(engine.url),
      stream: port(engine.streamUrl),
      metrics: port(engine.metricsUrl),
      kafka: Number(engine.brokers.split(':').at(-1)),
      gateway: port(gateway.url),
    }
    return new Deployment(stateDir, ports, embedded, project)
  }

  get brokers(): string {
    return this.embedded.engine.brokers
  }

  /** Runs a command of the compiled CLI on this state folder and gives its JSON. */
  async tpctl(...args: string[]): Promise<unknown> {
    const { stdout } = await this.command(...args)
    return JSON.parse(stdout)
  }

  /** The same as a process that can be killed. */
  command(...args: string[]) {
    return execa(
      process.execPath,
      [
        join(ROOT, 'dist/cli/main.js'),
        '--project',
        this.project,
        '--state',
        this.stateDir,
        '--json',
        ...args,
      ],
      { env: { TPCTL_URL: '', UDF_GATEWAY_KEY: '' } },
    )
  }

  /** kill -9, and nothing else: the gateway stays. */
  async killEngine(): Promise<void> {
    const { pid } = this.embedded.engine
    process.kill(pid, 'SIGKILL')
    for (;;) {
      try {
        process.kill(pid, 0)
      } catch {
        return
      }
      await sleep(2)
    }
  }

  /** Starts the engine again where it was; milliseconds until it said that it is ready. */
  async restartEngine(): Promise<number> {
    const started = performance.now()
    this.embedded = await bringUp({ projectDir: ROOT, stateDir: this.stateDir, ports: this.ports })
    return performance.now() - started
  }

  /** A start that is cut short by kill -9 after so many milliseconds. */
  async killWhileStarting(ms: number): Promise<void> {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'dist/engine/daemon.js'), stateFiles(this.stateDir).engineConfig],
      { stdio: 'ignore' },
    )
    await sleep(ms)
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  async count(from: string): Promise<number> {
    const [row] = await this.client.rows<{ n: string }>(`SELECT count() AS n FROM ${from}`)
    return Number(row!.n)
  }

  async stop(): Promise<void> {
    await this.client.close()
    await takeDown(this.stateDir)
    if (process.env.FAULT_KEEP) return console.log(`kept ${this.stateDir}`)
    rmSync(this.stateDir, { recursive: true, force: true })
  }
}

/** Asks again until the answer is true; `what` is waited for, for so long. */
export async function eventually(
  what: string,
  ms: number,
  isTrue: () => Promise<boolean>,
  state: () => Promise<string> = async () => '',
): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await isTrue())) {
    if (performance.now() > deadline)
      throw new Error(`waited ${ms / 1000} s in vain for ${what} ${await state()}`)
    await sleep(50)
  }
}

/** Random numbers in [0, 1) that a seed repeats (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
