import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, vi } from 'vitest'

// Processes of their own on a busy machine: patience costs nothing where all goes well.
vi.setConfig({ testTimeout: 150_000, hookTimeout: 150_000 })

/** The repository: the flagship's project, its fixtures and, built, the command line. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
export const MAIN = join(ROOT, 'dist', 'cli', 'main.js')

/** `up` on whichever ports are free. */
export const FREE_PORTS = ['http', 'stream', 'kafka', 'metrics', 'gateway'].flatMap((name) => [
  `--${name}-port`,
  '0',
])

export interface RunResult {
  code: number
  stdout: string
  stderr: string
}

export interface RunOptions {
  cwd?: string
  env?: Record<string, string>
  input?: string
  timeoutMs?: number
}

/** What a shell of a new user has set: nothing of ours. */
const CLEAN = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(TPCTL_|BIRDEYE_|JUPITER_|UDF_GATEWAY_|TIMEPLUS_|NO_COLOR|FORCE_COLOR)/.test(name),
  ),
)

/** Starts the built command line as a process of its own; its output is at hand while it runs. */
export function start(args: string[], options: RunOptions = {}) {
  return execa(process.execPath, [MAIN, ...args], {
    cwd: options.cwd ?? ROOT,
    env: { ...CLEAN, ...options.env },
    extendEnv: false,
    reject: false,
    timeout: options.timeoutMs ?? 120_000,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  })
}

/** Runs it to its end. */
export async function run(args: string[], options: RunOptions = {}): Promise<RunResult> {
  const { exitCode, signal, stdout, stderr } = await start(args, options)
  return { code: exitCode ?? (signal === undefined ? -1 : 128), stdout, stderr }
}

const folders: string[] = []

/** A folder of this test file alone; gone afterwards. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tpctl-e2e-'))
  folders.push(folder)
  return folder
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A project of the files given, by path; the config is the smallest there is where none is given. */
export function writeProject(files: Record<string, string | Uint8Array>): string {
  const dir = temporaryFolder()
  const config = `import { defineConfig } from 'tpctl'
export default defineConfig({ name: 'small', sql: 'sql', target: 'embedded', targets: { embedded: { edition: 'embedded' } } })
`
  mkdirSync(join(dir, 'sql'))
  for (const [path, content] of Object.entries({ 'tpctl.config.ts': config, ...files })) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), content)
  }
  return dir
}

/** An embedded engine for a test file: `tpctl` with its state folder set. */
export function onState(project: string, state = temporaryFolder()) {
  const globals = ['--project', project, '--state', state]
  const tpctl = (args: string[], options?: RunOptions) => run([...globals, ...args], options)
  return {
    state,
    tpctl,
    start: (args: string[], options?: RunOptions) => start([...globals, ...args], options),
    async up(options?: RunOptions): Promise<void> {
      const { code, stderr } = await tpctl(['up', ...FREE_PORTS], options)
      if (code !== 0) throw new Error(`the engine did not start: ${stderr}`)
    },
    down: () => tpctl(['down']),
    /** The document that a command prints with --json. */
    async json<T>(args: string[], options?: RunOptions): Promise<T> {
      const { code, stdout, stderr } = await tpctl([...args, '--json'], options)
      if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stdout}${stderr}`)
      return JSON.parse(stdout) as T
    },
    /** The rows of a query, asked over HTTP as any program may. */
    async rows<T>(sql: string): Promise<T[]> {
      const { url } = JSON.parse(readFileSync(join(state, 'engine.json'), 'utf8')) as { url: string }
      const answer = await fetch(`${url}/?default_format=JSONEachRow`, { method: 'POST', body: sql })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${sql}: ${text}`)
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as T)
    },
    /** Pids of the engine and the gateway, from the files in which they announce themselves. */
    pids(): number[] {
      return ['engine.json', 'gateway.json'].flatMap((name) => {
        try {
          return [(JSON.parse(readFileSync(join(state, name), 'utf8')) as { pid: number }).pid]
        } catch {
          return []
        }
      })
    },
  }
}

/** Asks until the answer is the expected one, or fails with the last one. */
export async function eventually<T>(
  ask: () => Promise<T>,
  expected: (value: T) => boolean,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await ask()
    if (expected(value)) return value
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(value)} after ${timeoutMs} ms`)
    await sleep(100)
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
