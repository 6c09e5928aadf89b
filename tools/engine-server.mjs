// Starts the built engine on given ports over a given folder, for tools that bring servers up by a command:
// `node tools/engine-server.mjs --http N --stream N --dir FOLDER`. Metrics and Kafka take free ports.
// ENGINE_BUILD names another folder of compiled modules than dist.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { http: { type: 'string' }, stream: { type: 'string' }, dir: { type: 'string' } },
})
const dir = resolve(values.dir ?? '.')
const config = join(dir, 'engine.config.json')
mkdirSync(dir, { recursive: true })
writeFileSync(
  config,
  JSON.stringify({
    dir: join(dir, 'data'),
    readyFile: join(dir, 'engine.json'),
    ports: { http: Number(values.http ?? 0), stream: Number(values.stream ?? 0), metrics: 0, kafka: 0 },
  }),
)
process.argv[2] = config
const build = process.env.ENGINE_BUILD
const daemon = build
  ? pathToFileURL(resolve(build, 'engine/daemon.js'))
  : new URL('../dist/engine/daemon.js', import.meta.url)
await import(daemon.href)
