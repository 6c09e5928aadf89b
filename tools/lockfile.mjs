// Adds the chDB builds of other platforms to package-lock.json. Where only the linux-x64 build can
// be fetched, `npm install` writes a lockfile that `npm ci` refuses; run this after every `npm install`.
import { readFileSync, writeFileSync } from 'node:fs'

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8'))
const here = lock.packages['node_modules/@chdb/lib-linux-x64-gnu']
const platforms = {
  'darwin-arm64': { cpu: ['arm64'], os: ['darwin'] },
  'darwin-x64': { cpu: ['x64'], os: ['darwin'] },
  'linux-arm64-gnu': { cpu: ['arm64'], libc: ['glibc'], os: ['linux'] },
}
for (const [name, where] of Object.entries(platforms)) {
  lock.packages[`node_modules/@chdb/lib-${name}`] ??= {
    version: here.version,
    license: here.license,
    optional: true,
    ...where,
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
)
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
