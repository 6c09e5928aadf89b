// Adds the builds for other platforms to package-lock.json. Where a registry offers only the builds of this
// machine, `npm install` writes a lockfile that `npm ci` refuses; run this after every `npm install`.
import { readFileSync, writeFileSync } from 'node:fs'

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8'))

const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
]
const CPUS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']

/** What the name of a platform's build says: `@x/cli-linux-arm64-musl`. Undefined for any other package. */
function platformOf(name) {
  const words = name.split(/[/@.-]/)
  const os = words.find((word) => SYSTEMS.includes(word))
  const cpu = words.find((word) => CPUS.includes(word))
  if (os === undefined || cpu === undefined) return undefined
  const libc = words.includes('musl') ? 'musl' : words.includes('gnu') ? 'glibc' : undefined
  return { cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }), os: [os] }
}

for (const owner of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
    const platform = platformOf(name)
    if (platform === undefined || !/^\d/.test(version)) continue
    const { license } = owner
    lock.packages[`node_modules/${name}`] ??= {
      version,
      ...(license ? { license } : {}),
      ...platform,
      optional: true,
    }
    if (owner.dev) lock.packages[`node_modules/${name}`].dev ??= true
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
)
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
