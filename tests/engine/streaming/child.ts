import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

/** Children are bundled next to the dependencies, where the store's native package is found. */
const CACHE = join(import.meta.dirname, '../../../node_modules/.cache/tpctl-tests')

/** A program with a folder of its own that is run in a process, and killed once it has said that it is ready. */
export class Child {
  private constructor(
    readonly program: string,
    readonly dir: string,
  ) {}

  static async of(entry: string): Promise<Child> {
    await mkdir(CACHE, { recursive: true })
    const program = join(CACHE, `${basename(entry, '.ts')}-${process.pid}.mjs`)
    await build({
      entryPoints: [join(import.meta.dirname, entry)],
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['chdb'],
      outfile: program,
      logLevel: 'silent',
    })
    return new Child(program, await mkdtemp(join(tmpdir(), 'kill-')))
  }

  /** What it printed. Arguments: its folder, the mode. */
  run(mode: string, killAfterMs?: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [this.program, this.dir, mode], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let out = ''
      let errors = ''
      child.stdout.on('data', (data: Buffer) => {
        const wasReady = out.includes('ready')
        out += data.toString()
        if (killAfterMs !== undefined && !wasReady && out.includes('ready'))
          setTimeout(() => child.kill('SIGKILL'), killAfterMs)
      })
      child.stderr.on('data', (data: Buffer) => {
        errors += data.toString()
      })
      child.on('error', reject)
      child.on('close', (code, signal) => {
        if (code === 0 || signal === 'SIGKILL') resolve(out)
        else reject(new Error(errors || `exit ${code}`))
      })
    })
  }

  async remove(): Promise<void> {
    await rm(this.program, { force: true })
    await rm(this.dir, { recursive: true, force: true })
  }
}
