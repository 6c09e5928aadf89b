import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { until } from '../server/harness.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** The engine's sources as JavaScript, in a folder inside the repository so that packages are found. */
export async function compileEngine(): Promise<{ daemon: string; remove(): Promise<void> }> {
  const parent = join(ROOT, 'node_modules', '.cache')
  await mkdir(parent, { recursive: true })
  const outdir = await mkdtemp(join(parent, 'tpctl-daemon-'))
  const sources = (await Promise.all(['engine', 'dialect'].map(typescriptFiles))).flat()
  await build({
    entryPoints: sources,
    outdir,
    outbase: ROOT,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  })
  await writeFile(join(outdir, 'package.json'), '{"type":"module"}')
  return {
    daemon: join(outdir, 'engine', 'daemon.js'),
    remove: () => rm(outdir, { recursive: true, force: true }),
  }
}

async function typescriptFiles(folder: string): Promise<string[]> {
  const names = await readdir(join(ROOT, folder), { recursive: true })
  return names.filter((name) => name.endsWith('.ts')).map((name) => join(ROOT, folder, name))
}

export interface Ready {
  pid: number
  url: string
  streamUrl: string
  metricsUrl: string
  brokers: string
  ports: { http: number; stream: number; metrics: number; kafka: number }
}

/** An engine in a process of its own. */
export class Daemon {
  #output = ''
  readonly ended: Promise<number | null>

  private constructor(
    readonly child: ChildProcess,
    readonly readyFile: string,
  ) {
    child.stdout!.on('data', (chunk) => {
      this.#output += String(chunk)
    })
    child.stderr!.on('data', (chunk) => {
      this.#output += String(chunk)
    })
    this.ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
  }

  static async spawn(script: string, dir: string, ports: Partial<Ready['ports']> = {}): Promise<Daemon> {
    const config = join(dir, 'config.json')
    const readyFile = join(dir, 'ready.json')
    const all = { http: 0, stream: 0, metrics: 0, kafka: 0, ...ports }
    await writeFile(config, JSON.stringify({ dir: join(dir, 'engine'), ports: all, readyFile }))
    return new Daemon(
      spawn(process.execPath, [script, config], { stdio: ['ignore', 'pipe', 'pipe'] }),
      readyFile,
    )
  }

  get output(): string {
    return this.#output
  }

  async ready(): Promise<Ready> {
    return until(async () => {
      if (this.child.exitCode !== null) throw new Error(this.#output)
      try {
        const ready = JSON.parse(await readFile(this.readyFile, 'utf8')) as Ready
        return ready.pid === this.child.pid ? ready : undefined
      } catch {
        return undefined
      }
    }, 30_000)
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal)
    return this.ended
  }
}

export async function sql(url: string, body: string, params: Record<string, string> = {}): Promise<string> {
  const response = await fetch(
    `${url}/?${new URLSearchParams({ default_format: 'JSONCompactEachRow', ...params })}`,
    {
      method: 'POST',
      body,
    },
  )
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text.trim()
}
