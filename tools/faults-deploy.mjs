// `npm run faults:deploy [-- options of vitest]`: the long form of tests/faults/deploy.test.ts. Messages arrive for
// FAULT_SECONDS (60), and longer if the changes take longer, FAULT_RATE (2000) a second.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const args = [
  'node_modules/vitest/vitest.mjs',
  'run',
  'tests/faults/deploy.test.ts',
  '--testTimeout',
  '900000',
]
const env = { FAULT_SECONDS: '60', FAULT_RATE: '2000', ...process.env }
const child = spawn(process.execPath, [...args, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env,
})
child.once('exit', (code) => process.exit(code ?? 1))
