// `npm run smoke:proton [-- options of the runner]`: Proton's own smoke suite against the built engine. The suite
// and its runner live beside the repository and are not shipped; where they are absent this says so and ends.
// A run over the whole suite writes its figures to docs/fidelity.md.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeFidelity } from './fidelity.mjs'

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const suite = path('../../shared/proton')
const runner = join(suite, 'smoke-runner.mjs')

if (!existsSync(runner)) {
  console.log(`smoke:proton skipped: ${runner} is not there`)
} else if (!process.env.ENGINE_BUILD && !existsSync(path('../dist/engine/daemon.js'))) {
  console.error('smoke:proton: the engine is not built; run `npm run build` first')
  process.exitCode = 1
} else {
  const options = process.argv.slice(2)
  const whole = !options.some((option) => ['--only', '--category', '--list', '--help'].includes(option))
  const folder = mkdtempSync(join(tmpdir(), 'smoke-'))
  const report = join(folder, 'smoke.json')
  const server = `exec env UV_THREADPOOL_SIZE=32 '${process.execPath}' '${path('engine-server.mjs')}' --http {http} --stream {stream} --dir {dir}`
  const jobs = options.includes('--jobs') ? [] : ['--jobs', '6']
  const { status } = spawnSync(
    process.execPath,
    [runner, '--cases', join(suite, 'smoke'), ...jobs, '--spawn', server, '--json', report, ...options],
    { stdio: 'inherit' },
  )
  if (whole && existsSync(report)) writeFidelity([report])
  rmSync(folder, { recursive: true, force: true })
  process.exitCode = status ?? 1
}
