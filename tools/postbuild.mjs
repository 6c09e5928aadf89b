// After tsc: makes the compiled command line executable, and puts it where `npx tpctl` looks inside a clone
// (npm links the commands of dependencies only, never the package's own).
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url)
const main = fileURLToPath(new URL('dist/cli/main.js', root))
if (existsSync(main)) {
  chmodSync(main, 0o755)
  const link = fileURLToPath(new URL('node_modules/.bin/tpctl', root))
  mkdirSync(fileURLToPath(new URL('node_modules/.bin/', root)), { recursive: true })
  rmSync(link, { force: true })
  symlinkSync('../../dist/cli/main.js', link)
}
