import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const BROKER = pathToFileURL(join(resolve(import.meta.dirname, '../..'), 'dist/engine/broker/index.js')).href

/** A broker that is not the engine's: a process of its own, which can be killed and started again where it was. */
export class BrokerProcess {
  #child?: ChildProcess

  private constructor(
    readonly dir: string,
    public port: number,
  ) {}

  static async start(dir: string): Promise<BrokerProcess> {
    const broker = new BrokerProcess(dir, 0)
    await broker.start()
    return broker
  }

  get brokers(): string {
    return `127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const script = `import { startBroker } from ${JSON.stringify(BROKER)}
      console.log((await startBroker({ dir: ${JSON.stringify(this.dir)}, port: ${this.port} })).port)`
    const args = ['--input-type=module', '--eval', script]
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(createInterface({ input: this.#child.stdout! }), 'line')) as [string]
    this.port = Number(line)
  }

  async kill(): Promise<void> {
    if (!this.#child || this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}
