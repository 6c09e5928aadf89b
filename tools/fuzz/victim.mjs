/** The engine under attack: a process of its own, watched for its life and for its answers. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

const SERVER = fileURLToPath(new URL('../engine-server.mjs', import.meta.url))

export class Victim {
  /** `hangMs`: no request may keep the engine from answering others for longer. */
  static async start(hangMs) {
    const dir = mkdtempSync(join(tmpdir(), 'fuzz-'))
    const child = spawn(process.execPath, [SERVER, '--dir', dir], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, UV_THREADPOOL_SIZE: '32' },
    })
    const victim = new Victim(dir, child, hangMs)
    const ready = join(dir, 'engine.json')
    while (!existsSync(ready)) {
      if (victim.death) throw new Error(`the engine did not start: ${victim.death}`)
      await sleep(50)
    }
    await sleep(50)
    victim.address = JSON.parse(readFileSync(ready, 'utf8'))
    victim.#watch()
    return victim
  }

  /** Why the process is no more. */
  death
  #stderr = ''
  #ended = false
  #longest = new Int32Array(1)
  #probe

  constructor(dir, child, hangMs) {
    this.dir = dir
    this.hangMs = hangMs
    this.child = child
    child.stderr.on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-4000)
    })
    child.once('exit', (code, signal) => {
      if (!this.#ended) this.death = `exit ${code ?? signal}\n${this.#stderr}`
    })
  }

  /** Probes from a thread of its own: this one is busy making inputs. */
  #watch() {
    this.#longest = new Int32Array(new SharedArrayBuffer(4))
    const url = `${this.address.streamUrl}/proton/ping`
    this.#probe = new Worker(new URL('probe.mjs', import.meta.url), {
      workerData: { url, longest: this.#longest },
    })
  }

  /** The longest that a probe had to wait. */
  get longestMs() {
    return Atomics.load(this.#longest, 0)
  }

  /** Throws where the engine is dead, or was silent for too long. */
  check() {
    if (this.death) throw new Error(`the engine died: ${this.death}`)
    if (this.longestMs > this.hangMs) throw new Error(`the engine was silent for ${this.longestMs} ms`)
  }

  /** Throws where a statement is not answered any more. */
  async answers() {
    const response = await fetch(this.address.url, {
      method: 'POST',
      body: 'SELECT 1',
      signal: AbortSignal.timeout(20_000),
    })
    const text = await response.text()
    if (text !== '1\n') throw new Error(`SELECT 1 is answered with: ${text}`)
  }

  async stop() {
    this.#ended = true
    await this.#probe?.terminate()
    const gone = this.death ? undefined : new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGTERM')
    const late = setTimeout(() => this.child.kill('SIGKILL'), 10_000)
    await gone
    clearTimeout(late)
    rmSync(this.dir, { recursive: true, force: true })
  }
}
