import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ProtonClient } from '../driver/index.js'

const DAEMON = fileURLToPath(new URL('../engine/daemon.js', import.meta.url))

/** The engine's process alone, over a folder that may have been used before. */
export class EngineProcess {
  private constructor(
    readonly child: ChildProcess,
    readonly url: string,
    readonly streamUrl: string,
    readonly client: ProtonClient,
  ) {}

  static async start(dir: string): Promise<EngineProcess> {
    await mkdir(dir, { recursive: true })
    const [config, readyFile] = [join(dir, 'config.json'), join(dir, 'ready.json')]
    const ports = { http: 0, stream: 0, metrics: 0, kafka: 0 }
    await writeFile(config, JSON.stringify({ dir: join(dir, 'engine'), ports, readyFile }))
    const child = spawn(process.execPath, [DAEMON, config], { stdio: ['ignore', 'ignore', 'inherit'] })
    for (;;) {
      const ready = await readFile(readyFile, 'utf8').catch(() => '{}')
      const { pid, url, streamUrl } = JSON.parse(ready) as Record<string, string>
      if (Number(pid) === child.pid) {
        return new EngineProcess(child, url!, streamUrl!, new ProtonClient({ url, streamUrl }))
      }
      if (child.exitCode !== null) throw new Error(`the engine ended with ${child.exitCode}`)
      await sleep(5)
    }
  }

  async stop(): Promise<void> {
    await this.client.close()
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGTERM')
    await ended
  }
}

/** CPU seconds that a process has used, from Linux' /proc. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // User and system time, in hundredths.
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Megabytes of a process in memory, from Linux' /proc. */
export async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024
}
