import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  checkNode,
  checkPortFree,
  checkVersion,
  clockCheck,
  diskCheck,
  doctor,
} from '../../bootstrap/doctor.js'
import { loadProject } from '../../bootstrap/project.js'
import { connect } from '../../bootstrap/target.js'
import { projectFolder } from './project_folder.js'

describe('doctor', () => {
  it.each([
    [0.5, 'ok'],
    [0.85, 'warn'],
    [0.9, 'fail'],
    [0.97, 'fail'],
  ])('a disk %f full: %s', (used, status) => {
    expect(diskCheck('/data', used, 2 ** 30)).toMatchObject({ id: 'disk', status })
  })

  it.each([
    ['18.20.0', 'fail'],
    ['20.18.3', 'fail'],
    ['20.19.0', 'ok'],
    ['24.1.0', 'ok'],
  ])('Node %s: %s', (version, status) => {
    expect(checkNode(version).status).toBe(status)
  })

  it.each([
    ['oss-1.6', { version: '1.6.1', edition: 'oss-1.6' }, 'ok'],
    ['oss-1.6', { version: '1.5.9', edition: 'oss-1.6' }, 'warn'],
    ['oss-1.6', { version: '3.0.3', edition: 'oss-3' }, 'fail'],
    ['oss-3', { version: '3.0.3' }, 'ok'],
    ['oss-3', { version: '3.1.0', edition: 'enterprise' }, 'warn'],
    ['enterprise', { version: '2.8.2', edition: 'enterprise' }, 'ok'],
    ['enterprise', { version: '2.7.9', edition: 'enterprise' }, 'warn'],
    ['embedded', { version: '1.6.1', edition: 'oss-1.6' }, 'fail'],
    ['enterprise', { version: '1.6.1', edition: 'embedded' }, 'warn'],
    ['auto', { version: '1.6.1', edition: 'oss-1.6' }, 'ok'],
    ['auto', { version: '3.1.0' }, 'fail'],
  ] as const)('%s against %o: %s', (edition, server, status) => {
    const check = checkVersion(edition, server)
    expect(check.status).toBe(status)
    expect(check.suggestion === undefined).toBe(status === 'ok')
  })

  it.each([
    [1_000, 'ok'],
    [1_500, 'ok'],
    [4_999, 'warn'],
    [-3_000, 'warn'],
  ])('an engine clock at %i ms, asked at 1000 and answered at 2000: %s', (engine, status) => {
    expect(clockCheck(engine, 1_000, 2_000).status).toBe(status)
  })

  it('a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((ready) => server.once('listening', ready))
    const { port } = server.address() as { port: number }
    expect((await checkPortFree(port)).status).toBe('fail')
    await new Promise((closed) => server.close(closed))
    expect((await checkPortFree(port)).status).toBe('ok')
  })

  it('with nothing there it says what is missing and does not throw', async () => {
    const dir = await projectFolder({
      'tpctl.config.ts': `export default { name: 'x', keys: [{ name: 'SOME_KEY', purpose: 'tests', required: true }], topics: [{ name: 't' }] }`,
    })
    const overrides = { url: 'http://127.0.0.1:1', streamUrl: 'http://127.0.0.1:1', brokers: '127.0.0.1:1' }
    const { config, target, topics } = await loadProject(dir, { env: {}, overrides })
    const client = connect(target)
    const checks = await doctor({ config, target, topics, env: {}, client, dataDirs: [dir] })
    await client.close()
    const status = Object.fromEntries(checks.map(({ id, status }) => [id, status]))
    expect(status).toMatchObject({ node: 'ok', target: 'fail', broker: 'fail', 'key:SOME_KEY': 'fail' })
    for (const check of checks) if (check.status !== 'ok') expect(check.suggestion, check.id).toBeTruthy()
  })
})
