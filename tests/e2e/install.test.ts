/**
 * `bootstrap --install` and `uninstall` with stand-ins for the vendors' programs: scripts that run the embedded engine
 * on the target's ports, served by a web server as releases are.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { create } from 'tar'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAIN, ROOT, run, temporaryFolder } from './support.js'

let releases: Server
let host: string
const served = new Map<string, Buffer>()
let requests = 0
const cleanUps: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  releases = createServer((request, response) => {
    requests++
    const file = served.get(request.url!)
    if (file) response.end(file)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => releases.listen(0, '127.0.0.1', resolve))
  host = `http://127.0.0.1:${(releases.address() as AddressInfo).port}`
})
afterAll(async () => {
  for (const cleanUp of cleanUps) await cleanUp()
  releases.close()
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface Installable {
  folder: string
  state: string
  /** How the stand-in runs: the engine on the target's ports, its data in the working folder. */
  server: string
  tpctl(...args: string[]): ReturnType<typeof run>
}

async function project(edition: string): Promise<Installable> {
  const folder = temporaryFolder()
  const [http, stream] = [await freePort(), await freePort()]
  mkdirSync(join(folder, 'sql'))
  writeFileSync(
    join(folder, 'sql', 'events.sql'),
    'CREATE STREAM events (i int32) TTL to_datetime(_tp_time) + 1d',
  )
  writeFileSync(
    join(folder, 'tpctl.config.ts'),
    `import { defineConfig } from 'tpctl'
export default defineConfig({ name: 'small', target: 'server', targets: { server: { edition: '${edition}',
  url: 'http://127.0.0.1:${http}', streamUrl: 'http://127.0.0.1:${stream}' } } })`,
  )
  const state = join(folder, '.tpctl')
  const tpctl = (...args: string[]) => run(['--project', folder, '--json', ...args], { cwd: folder })
  cleanUps.push(() => tpctl('uninstall', '--purge'))
  const engine = join(ROOT, 'tools', 'engine-server.mjs')
  return {
    folder,
    state,
    tpctl,
    server: `'${process.execPath}' '${engine}' --http ${http} --stream ${stream} --dir "$PWD/proton-data"`,
  }
}

describe('bootstrap --install', () => {
  it('brings up Proton, provisions it, and does nothing twice', async () => {
    expect(existsSync(MAIN)).toBe(true)
    const { tpctl, server, state } = await project('oss-1.6')
    served.set('/proton', Buffer.from(`#!/bin/sh\n[ "$1" = server ] && exec ${server}\n`))
    const from = ['--from', `${host}/proton`]
    const first = await tpctl('bootstrap', '--install', '--version', '1.6.7', ...from)
    expect(first).toMatchObject({ code: 0 })
    expect(JSON.parse(first.stdout)).toMatchObject({
      applied: true,
      installed: { outcome: 'installed', version: '1.6.7', edition: 'oss-1.6' },
    })
    const { sha256, pid } = JSON.parse(first.stdout).installed as { sha256: string; pid: number }
    expect(first.stderr).toContain(`--sha256 ${sha256}`)
    const fetched = requests
    const again = await tpctl('bootstrap', '--install')
    expect(JSON.parse(again.stdout)).toMatchObject({ applied: false, installed: { outcome: 'present', pid } })

    process.kill(pid, 'SIGKILL')
    const killed = await tpctl('bootstrap', '--install', '--sha256', sha256)
    expect(JSON.parse(killed.stdout)).toMatchObject({ applied: false, installed: { outcome: 'started' } })
    expect(requests).toBe(fetched)

    // Another release runs on the same data.
    const newer = await tpctl('bootstrap', '--install', '--version', '1.6.8', ...from)
    expect(JSON.parse(newer.stdout)).toMatchObject({ applied: false, installed: { outcome: 'installed' } })

    expect(JSON.parse((await tpctl('uninstall')).stdout)).toEqual({
      ...{ removed: true, edition: 'oss-1.6', version: '1.6.8', stopped: true, purged: false },
    })
    expect(existsSync(join(state, 'servers', 'server', 'data', 'proton-data'))).toBe(true)
    expect(JSON.parse((await tpctl('uninstall', '--purge')).stdout)).toEqual({ removed: false })
    expect(existsSync(join(state, 'servers', 'server'))).toBe(false)
  })

  it('brings up Timeplus Enterprise by its own commands', async () => {
    const { tpctl, folder, server } = await project('enterprise')
    const bin = join(folder, 'timeplus', 'bin')
    mkdirSync(bin, { recursive: true })
    const log = join(folder, 'commands')
    writeFileSync(
      join(bin, 'timeplus'),
      `#!/bin/sh
echo "$@" >> '${log}'
case "$1" in
  start) ${server} > /dev/null 2>&1 & echo $! > '${folder}/pid' ;;
  stop) [ -f '${folder}/pid' ] && kill "$(cat '${folder}/pid')" && rm '${folder}/pid' ;;
esac
`,
    )
    chmodSync(join(bin, 'timeplus'), 0o755)
    const archive = join(folder, 'package.tar.gz')
    await create({ gzip: true, file: archive, cwd: folder }, ['timeplus'])
    const first = await tpctl('bootstrap', '--install', '--from', archive)
    expect(first).toMatchObject({ code: 0 })
    expect(JSON.parse(first.stdout)).toMatchObject({ applied: true, installed: { outcome: 'installed' } })
    expect(JSON.parse((await tpctl('bootstrap', '--install')).stdout)).toMatchObject({
      installed: { outcome: 'present' },
    })
    expect(JSON.parse((await tpctl('uninstall')).stdout)).toMatchObject({ removed: true, stopped: true })
    expect(readFileSync(log, 'utf8')).toBe('start --telemetry false\nstop\n')
  })
})

describe('what cannot be installed is said', () => {
  it('before anything is fetched', async () => {
    const { tpctl, folder } = await project('oss-1.6')
    const failure = async (...args: string[]) => {
      const { code, stdout } = await tpctl('bootstrap', ...args)
      return { code, error: (JSON.parse(stdout) as { error: { code: string } }).error.code }
    }
    expect(await failure('--version', '1.6.1')).toEqual({ code: 2, error: 'USAGE' })
    expect(await failure('--install', '--version', 'newest')).toEqual({ code: 1, error: 'INSTALL_VERSION' })
    expect(await failure('--install', '--sha256', 'beef')).toEqual({ code: 1, error: 'INSTALL_CHECKSUM' })
    expect(await failure('--install', '--from', join(folder, 'nothing'))).toEqual({
      ...{ code: 1, error: 'INSTALL_SOURCE' },
    })
    expect(await failure('--install', '--target', 'embedded')).toEqual({
      code: 1,
      error: 'INSTALL_NOT_NEEDED',
    })
  })

  it('when the program ends at once, with its last words', async () => {
    const { tpctl, folder } = await project('oss-1.6')
    const program = join(folder, 'broken')
    writeFileSync(program, '#!/bin/sh\necho "cannot open display" >&2\nexit 3\n')
    const { code, stdout } = await tpctl('bootstrap', '--install', '--from', program)
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: 'INSTALL_START_FAILED', detail: expect.stringContaining('cannot open display') },
    })
  })
})
