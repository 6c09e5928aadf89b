import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { compile } from '../../bootstrap/compile.js'
import { loadConfig } from '../../bootstrap/config_loader.js'
import { withDotEnv } from '../../bootstrap/environment.js'
import { loadProject } from '../../bootstrap/project.js'
import { connect, resolveTarget } from '../../bootstrap/target.js'
import { TEST_CERT, TEST_KEY } from '../driver/tls_cert.js'
import { projectFolder } from './project_folder.js'

const cleanup: (() => unknown)[] = []
afterEach(async () => {
  for (const end of cleanup.splice(0)) await end()
})

/** A config whose secret is told by a Node process that counts how often it is asked. */
function configWith(script: string, more = ''): string {
  return `export default { name: 'x', secretCommands: { SHOP_PASSWORD: [process.execPath, '-e', ${JSON.stringify(script)}] }, ${more} }`
}
const STREAM =
  "CREATE EXTERNAL STREAM e (raw string) SETTINGS type = 'kafka', brokers = 'b:9092', topic = 't', password = '${SHOP_PASSWORD}'"

describe('.env', () => {
  it('says what the environment does not', async () => {
    const dir = await projectFolder({ '.env': '# ours\nA=1\nB="two words"\n' })
    expect(withDotEnv(dir, { A: 'given', C: undefined })).toEqual({ A: 'given', B: 'two words' })
    expect(withDotEnv(await projectFolder({}), { A: 'given' })).toEqual({ A: 'given' })
  })
})

describe('commands that tell secrets', () => {
  it('are run once, for what nobody else says, and their answers are hidden', async () => {
    const dir = await projectFolder({ 'sql/e.sql': STREAM })
    const count = join(dir, 'asked')
    writeFileSync(
      join(dir, 'tpctl.config.ts'),
      configWith(
        `require('fs').appendFileSync(${JSON.stringify(count)}, '.'); console.log("from the vault")`,
      ),
    )
    const deployed = async () => compile(await loadProject(dir, { env: {} }))
    const [object] = (await deployed()).objects
    expect(object!.sql).toContain("'from the vault'")
    expect(object!.hiddenSql).not.toContain('vault')
    expect((await deployed()).secrets.redact('x from the vault y')).toBe('x *** y')
    expect(readFileSync(count, 'utf8')).toBe('.')
    const given = compile(await loadProject(dir, { env: { SHOP_PASSWORD: 'given' } }))
    expect(given.objects[0]!.sql).toContain("'given'")
  })

  it('are not run where nobody asks', async () => {
    const dir = await projectFolder({
      'tpctl.config.ts': configWith('process.exit(3)'),
      'sql/s.sql': 'CREATE STREAM s (x int32)',
    })
    expect(compile(await loadProject(dir, { env: {} })).objects).toHaveLength(1)
  })

  it('that fail say so, and what they said', async () => {
    const dir = await projectFolder({
      'tpctl.config.ts': configWith('console.error("the vault is sealed"); process.exit(3)'),
      'sql/e.sql': STREAM,
    })
    await expect(loadProject(dir, { env: {} })).rejects.toMatchObject({
      code: 'SECRET_COMMAND',
      message: expect.stringContaining('SHOP_PASSWORD'),
      detail: 'the vault is sealed',
    })
  })

  it('tell the password of a target', async () => {
    const dir = await projectFolder({
      'tpctl.config.ts': configWith(
        'process.stdout.write("open sesame")',
        "targets: { embedded: { edition: 'embedded', passwordVariable: 'SHOP_PASSWORD' } }",
      ),
    })
    const { config } = await loadConfig(dir)
    expect(resolveTarget(config, undefined, {}).password).toBe('open sesame')
    expect(resolveTarget(config, undefined, { SHOP_PASSWORD: 'given' }).password).toBe('given')
  })
})

describe('TLS of a target', () => {
  it('takes the certificates that the config names, relative to it', async () => {
    const server = createServer({ cert: TEST_CERT, key: TEST_KEY }, (_, response) =>
      response.end('["one"]\n["uint8"]\n[1]\n'),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanup.push(() => server.close())
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const ask = async (tls: string) => {
      const dir = await projectFolder({
        'ca.pem': TEST_CERT,
        'tpctl.config.ts': `export default { name: 'x', targets: { embedded: { edition: 'embedded', url: '${url}', ${tls} } } }`,
      })
      const client = connect(resolveTarget((await loadConfig(dir)).config, undefined, {}))
      cleanup.push(() => client.close())
      return client.rows('SELECT 1 AS one')
    }
    await expect(ask('')).rejects.toThrow()
    expect(await ask("tls: { ca: 'ca.pem' }")).toEqual([{ one: 1 }])
    expect(await ask('tls: { insecure: true }')).toEqual([{ one: 1 }])
    await expect(ask("tls: { ca: 'nowhere.pem' }")).rejects.toMatchObject({ code: 'TLS_FILE' })
  })
})
