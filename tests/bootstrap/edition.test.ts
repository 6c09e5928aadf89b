import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../bootstrap/config_loader.js'
import { askServer, checkEdition, serverOf, settled } from '../../bootstrap/edition.js'
import { connect, resolveTarget } from '../../bootstrap/target.js'
import { type FakeServer, fakeServer, rowsBody } from '../driver/fake_server.js'
import { projectFolder } from './project_folder.js'

let server: FakeServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

/** A server that tells `/proton/info` and `/timeplusd/info` what is given, and SQL the rest. */
async function serving(answers: Record<string, string>): Promise<string> {
  server = await fakeServer(({ method, url, body }, response: ServerResponse) => {
    const found = Object.entries(answers).find(([asked]) =>
      method === 'GET' ? url.pathname === asked : body.includes(asked),
    )
    if (found) return void response.end(found[1])
    response.writeHead(404, { 'x-timeplus-exception-code': '60' })
    response.end(`There is no HTTP handle for path ${url.pathname}\n\n`)
  })
  return server.url
}

async function target(config: string) {
  const dir = await projectFolder({ 'tpctl.config.ts': `export default ${config}` })
  return resolveTarget((await loadConfig(dir)).config, 't', {})
}

/** As a Proton 1.6.1 answered. */
const INFO_16 =
  '{"build":{"commit_sha":"cfc2fcbf","edition":"oss","name":"proton","time":"2026-11-20T12:13:51Z","version":"v1.6.1"},"server":{"memory_amount":25276510208}}'

describe('what a server is', () => {
  it.each([
    [{ edition: 'oss', name: 'proton', version: 'v1.6.1' }, 'oss-1.6', '1.6.1'],
    [{ edition: 'oss', name: 'proton', version: 'v3.0.3' }, 'oss-3', '3.0.3'],
    [{ edition: 'enterprise', name: 'proton', version: 'v3.1.2' }, 'enterprise', '3.1.2'],
    [{ name: 'timeplusd', version: '3.1.2' }, 'enterprise', '3.1.2'],
    [{ version: '2.8.4' }, 'enterprise', '2.8.4'],
    [{ version: '1.6.16' }, 'oss-1.6', '1.6.16'],
    [{ edition: 'embedded', name: 'proton', version: 'v1.6.1' }, 'embedded', '1.6.1'],
    [{ version: '3.1.2' }, undefined, '3.1.2'],
    [{}, undefined, ''],
  ])('%o: %s', (build, edition, version) => {
    expect(serverOf(build)).toEqual({ version, ...(edition === undefined ? {} : { edition }) })
  })

  it.each([
    ['by REST, as 1.6.1 does', { '/proton/info': INFO_16 }, 'oss-1.6'],
    [
      'by its other name',
      { '/timeplusd/info': '{"build":{"name":"timeplusd","version":"3.1.2"}}' },
      'enterprise',
    ],
    [
      'in SQL',
      {
        'version()': rowsBody([['version', 'string']], [['3.0.3']]),
        'system.build_options': rowsBody([['value', 'string']], [['oss']]),
      },
      'oss-3',
    ],
    [
      'in SQL, by its version alone',
      { 'version()': rowsBody([['version', 'string']], [['1.6.4']]) },
      'oss-1.6',
    ],
  ] as const)('is told %s', async (_, answers, edition) => {
    const url = await serving(answers)
    const client = connect(
      await target(`{ name: 'x', targets: { t: { url: '${url}', streamUrl: '${url}' } } }`),
    )
    expect(await askServer(client)).toMatchObject({ edition })
    await client.close()
  })
})

describe('a target without an edition', () => {
  it('is what its server says, asked once', async () => {
    const url = await serving({ '/proton/info': INFO_16 })
    const named = await target(
      `{ name: 'x', targets: { t: { edition: 'auto', url: '${url}', streamUrl: '${url}' } } }`,
    )
    expect(named.edition).toBe('auto')
    expect((await settled(named)).edition).toBe('oss-1.6')
    expect((await settled(named)).edition).toBe('oss-1.6')
    expect(server!.requests).toHaveLength(1)
  })

  it.each([
    ['TARGET_UNREACHABLE', undefined],
    ['EDITION_UNKNOWN', { 'version()': rowsBody([['version', 'string']], [['3.1.2']]) }],
  ])('is refused where that is not known: %s', async (code, answers) => {
    const url = answers ? await serving(answers) : 'http://127.0.0.1:1'
    const named = await target(`{ name: 'x', targets: { t: { url: '${url}', streamUrl: '${url}' } } }`)
    await expect(settled(named)).rejects.toMatchObject({
      code,
      suggestion: expect.stringContaining('`edition`'),
    })
  })
})

describe('a server that is something else', () => {
  const against = async (edition: string, build: string) => {
    const url = await serving({ '/proton/info': `{"build":${build}}` })
    const named = await settled(
      await target(
        `{ name: 'x', targets: { t: { edition: '${edition}', url: '${url}', streamUrl: '${url}' } } }`,
      ),
    )
    const client = connect(named)
    try {
      return await checkEdition(named, client)
    } finally {
      await client.close()
    }
  }
  const OSS_3 = '{"edition":"oss","name":"proton","version":"v3.0.3"}'

  it('is refused before anything is done', async () => {
    await expect(against('oss-1.6', OSS_3)).rejects.toMatchObject({
      code: 'EDITION_MISMATCH',
      message: expect.stringContaining('oss-3 (version 3.0.3)'),
      suggestion: expect.stringContaining("edition: 'oss-3'"),
    })
  })

  it('is warned of where much is the same', async () => {
    expect(await against('enterprise', OSS_3)).toMatch(/oss-3.*edition: 'oss-3'/s)
    expect(await against('oss-3', OSS_3)).toBeUndefined()
  })
})
