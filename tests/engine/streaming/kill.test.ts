import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'

/** The child is bundled next to the dependencies, where the store's native package is found. */
const CACHE = join(import.meta.dirname, '../../../node_modules/.cache/tpctl-tests')
/** Time from the first rows to the kill, in ms: over several batches of every view. */
const KILLS = [60, 210, 350, 140, 500, 280]

let child: string
let dir: string
beforeAll(async () => {
  await mkdir(CACHE, { recursive: true })
  child = join(CACHE, `kill-${process.pid}.mjs`)
  dir = await mkdtemp(join(tmpdir(), 'kill-'))
  await build({
    entryPoints: [join(import.meta.dirname, 'kill_child.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['chdb'],
    outfile: child,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await rm(child, { force: true })
  await rm(dir, { recursive: true, force: true })
})

function run(mode: string, killAfter?: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, [child, dir, mode], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let errors = ''
    process_.stdout.on('data', (data: Buffer) => {
      out += data.toString()
      if (killAfter !== undefined && out.includes('ready'))
        setTimeout(() => process_.kill('SIGKILL'), killAfter)
    })
    process_.stderr.on('data', (data: Buffer) => {
      errors += data.toString()
    })
    process_.on('error', reject)
    process_.on('exit', (code, signal) => {
      if (code === 0 || signal === 'SIGKILL') resolve(out)
      else reject(new Error(errors || `exit ${code}`))
    })
  })
}

it('views process every row exactly once though their process is killed again and again', async () => {
  for (const delay of KILLS) await run('feed', delay)
  const result = JSON.parse(await run('check')) as Record<string, unknown> & { source: number }
  const count = String(result.source)
  const all = [count, count, count]
  expect(result).toMatchObject({ plain: all, chained: all, joined: all, enriched: all, nameless: ['0'] })
  // The last row's own window is still open.
  expect(result.windows).toEqual([String(result.source - 1)])
  expect(result.source).toBeGreaterThan(KILLS.length)
}, 120_000)
