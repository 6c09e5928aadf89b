import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { onTestFinished } from 'vitest'

/** Whether a program is there; says so where it is not, since its tests are then skipped. */
export function installed(program: string, versionFlag: string): boolean {
  const found = spawnSync(program, [versionFlag]).status === 0
  if (!found) console.warn(`${program} is not installed: its tests are skipped`)
  return found
}

export interface Finished {
  out: string
  err: string
  status: number | null
}

/** Runs a program to its end. */
export async function run(program: string, args: string[], input = ''): Promise<Finished> {
  const running = new Running(spawn(program, args))
  running.child.stdin!.end(input)
  const status = await running.ended
  return { out: running.out, err: running.err, status }
}

/** Starts a program that goes on until it is killed, at the latest when the test ends. */
export function start(program: string, args: string[]): Running {
  const running = new Running(spawn(program, args))
  onTestFinished(() => running.kill())
  return running
}

export class Running {
  out = ''
  err = ''
  readonly ended: Promise<number | null>
  #wake = () => {}

  constructor(readonly child: ChildProcess) {
    child.stdout!.on('data', (chunk) => {
      this.out += String(chunk)
      this.#wake()
    })
    child.stderr!.on('data', (chunk) => (this.err += String(chunk)))
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    this.ended.catch(() => {})
  }

  get lines(): string[] {
    return this.out.split('\n').filter((line) => line !== '')
  }

  /** Waits until so many lines are out. */
  async hasLines(count: number, ms = 20_000): Promise<string[]> {
    const deadline = Date.now() + ms
    while (this.lines.length < count) {
      const left = deadline - Date.now()
      if (left <= 0)
        throw new Error(`${this.lines.length} of ${count} lines in ${ms} ms: ${this.out}${this.err}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 200))
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.lines
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended.catch(() => {})
  }
}

/** Waits until `count` queries of the engine run, or none does any more. */
export async function queriesRunning(url: string, text: string, count: number): Promise<void> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const sql = `SELECT count() FROM system.processes WHERE position(query, '${text}') > 0 AND position(query, 'system.processes') = 0`
    const answer = (await (await fetch(url, { method: 'POST', body: sql })).text()).trim()
    if (answer === String(count)) return
    if (Date.now() > deadline) throw new Error(`${answer} queries like '${text}' run, not ${count}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
