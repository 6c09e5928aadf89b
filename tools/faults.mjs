// `npm run faults [-- --kills 100] [--seed N]`: the exactly-once test of tests/faults, as long as one likes.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '100' }, seed: { type: 'string' } },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const seed = values.seed ?? String(Date.now() % 1_000_000)
const { status } = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    'tests/faults/exactly_once.test.ts',
    '--disable-console-intercept',
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, FAULT_KILLS: values.kills, FAULT_SEED: seed } },
)
process.exitCode = status ?? 1
