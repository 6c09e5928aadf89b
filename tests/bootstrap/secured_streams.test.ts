import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applyPlan } from '../../bootstrap/apply.js'
import { compile } from '../../bootstrap/compile.js'
import { readLive } from '../../bootstrap/live.js'
import { planDeployment } from '../../bootstrap/plan.js'
import { planDocument } from '../../bootstrap/plan_document.js'
import { loadProject } from '../../bootstrap/project.js'
import { renderScript } from '../../bootstrap/render.js'
import { connect, type TargetOverrides } from '../../bootstrap/target.js'
import { ensureTopics } from '../../bootstrap/topics.js'
import type { Edition } from '../../dialect/index.js'
import { type Engine, startEngine } from '../../engine/engine.js'
import { FILES, type SecuredBroker, securedBroker, USER } from '../kafka/secured_broker.js'
import { projectFolder } from './project_folder.js'

const TOPIC = `orders-${process.pid}`
const SQL = {
  'sql/orders.sql': `CREATE EXTERNAL STREAM orders (id int32) SETTINGS type = 'kafka', brokers = '\${KAFKA_BROKERS}', topic = '${TOPIC}'`,
  'sql/seen.sql': `CREATE STREAM seen (id int32);
CREATE MATERIALIZED VIEW mv INTO seen AS SELECT id FROM orders SETTINGS seek_to = 'earliest'`,
}

/** The project on a target whose brokers ask for a login. */
async function projectAt(
  brokers: string,
  kafka: object,
  edition: Edition,
  overrides: TargetOverrides = {},
  password = USER.password,
  files: Record<string, string> = SQL,
) {
  const target = { edition, brokers, kafka: { ...kafka, username: USER.username } }
  const config = `export default { name: 'x', target: 't', topics: [{ name: '${TOPIC}', partitions: 1 }], targets: { t: ${JSON.stringify(target)} } }`
  const dir = await projectFolder({ 'tpctl.config.ts': config, ...files })
  return loadProject(dir, { env: { KAFKA_PASSWORD: password }, overrides })
}

describe('external streams on brokers that ask for a login', () => {
  let at: SecuredBroker
  let dir: string
  let engine: Engine
  let overrides: TargetOverrides
  const log: string[] = []
  const KAFKA = { securityProtocol: 'SASL_SSL', saslMechanism: 'SCRAM-SHA-512', ca: FILES.ca }
  const project = (password?: string) => projectAt(at.saslSsl, KAFKA, 'embedded', overrides, password)

  beforeAll(async () => {
    at = await securedBroker()
    dir = await mkdtemp(join(tmpdir(), 'tpctl-secured-'))
    const note = (text: string) => void log.push(text)
    engine = await startEngine({
      dir,
      ports: { http: 0, stream: 0, metrics: 0, kafka: 0 },
      log: { info: note, warn: note },
    })
    overrides = { url: engine.url, streamUrl: engine.streamUrl }
  })
  afterAll(async () => {
    await engine?.close()
    await rm(dir, { recursive: true, force: true })
  })

  it('are read and written, and the plan after is empty; nobody is told the password', async () => {
    const loaded = await project()
    const client = connect(loaded.target)
    try {
      await ensureTopics(loaded.target, loaded.topics)
      const deployment = compile(loaded)
      const live = await readLive(client, deployment.objects)
      const plan = planDeployment(deployment, live)
      const told = [JSON.stringify(planDocument(plan, deployment, live, 't')), renderScript(deployment)]
      await applyPlan(plan, client)
      await client.exec('INSERT INTO orders (id) VALUES (1), (2), (3)')
      await expect
        .poll(() => client.rows('SELECT count() AS n FROM seen'), { timeout: 20_000 })
        .toEqual([{ n: '3' }])
      expect(planDeployment(deployment, await readLive(client, deployment.objects)).empty).toBe(true)
      told.push(JSON.stringify(await client.rows('SELECT * FROM table(tpctl_ledger)')))
      for (const statement of ['SHOW CREATE orders', 'SELECT * FROM system.tables'])
        told.push(await client.text(statement, 'JSONEachRow'))
      told.push(log.join('\n'))
      for (const text of told) expect(text).not.toContain(USER.password)
      expect(told[0]).toContain("password = '***'")
      expect(told[1]).toContain("security_protocol = 'SASL_SSL'")
    } finally {
      await client.close()
    }
  })

  it('with a wrong password are refused by the engine in words that do not tell it', async () => {
    const loaded = await project('not-the-password')
    const client = connect(loaded.target)
    try {
      const deployment = compile(loaded)
      const plan = planDeployment(deployment, await readLive(client, deployment.objects))
      const changed = plan.changes.filter(({ action }) => action !== 'unchanged')
      expect(changed.map(({ key }) => key)).toContain('orders')
      const sql = deployment.objects.find(({ key }) => key === 'orders')!.sql
      const failure = await client.exec(sql.replace('orders', 'orders2')).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 1002, message: expect.stringMatching(/authentication failed/i) })
      expect(String(failure)).not.toContain('not-the-password')
    } finally {
      await client.close()
    }
  })
})

describe('what an engine is told of the brokers', () => {
  const settingsOf = async (edition: Edition, kafka: object, sql: string = SQL['sql/orders.sql']) => {
    const loaded = await projectAt('k:9093', kafka, edition, {}, "it's", { 'sql/a.sql': sql })
    const [object] = compile(loaded).objects
    return object!
  }
  const SASL = { securityProtocol: 'SASL_SSL', saslMechanism: 'SCRAM-SHA-256', ca: FILES.ca }

  it.each(['oss-1.6', 'oss-3', 'enterprise'] as const)('%s: the certificate itself', async (edition) => {
    const { sql, hiddenSql } = await settingsOf(edition, SASL)
    expect(sql).toMatch(
      /security_protocol = 'SASL_SSL', sasl_mechanism = 'SCRAM-SHA-256', username = 'shop', password = 'it\\'s', ssl_ca_pem = '-----BEGIN CERTIFICATE-----\\n/,
    )
    expect(hiddenSql).toContain("password = '***'")
  })

  it('where they are on its machine, files', async () => {
    const engineFiles = { ca: '/etc/ca.pem', cert: '/etc/cert.pem', key: '/etc/key.pem' }
    const { cert, key } = FILES
    const kafka = { securityProtocol: 'SSL', cert, key, insecure: true, engineFiles }
    expect((await settingsOf('enterprise', kafka)).sql).toMatch(
      /security_protocol = 'SSL', ssl_ca_cert_file = '\/etc\/ca.pem', properties = 'ssl.certificate.location=\/etc\/cert.pem;ssl.key.location=\/etc\/key.pem', skip_ssl_cert_check = true$/,
    )
    expect((await settingsOf('embedded', { securityProtocol: 'SSL', cert, key })).sql).toContain(
      `properties = 'ssl.certificate.location=${cert};ssl.key.location=${key}'`,
    )
    await expect(settingsOf('oss-3', { securityProtocol: 'SSL', cert, key })).rejects.toMatchObject({
      code: 'BROKER_ENGINE_FILES',
    })
  })

  it('is put into a collection that names them, and left to an author who says it', async () => {
    const collection = "CREATE NAMED COLLECTION c AS brokers = '${KAFKA_BROKERS}'"
    expect((await settingsOf('enterprise', SASL, collection)).hiddenSql).toMatch(
      /security_protocol = 'SASL_SSL'.*password = '\*\*\*'/s,
    )
    const own = `CREATE EXTERNAL STREAM o (id int32) SETTINGS type = 'kafka', brokers = 'k:9093', topic = 't', security_protocol = 'PLAINTEXT'`
    expect((await settingsOf('oss-3', SASL, own)).sql).not.toContain('password')
    const others = `CREATE EXTERNAL STREAM o (id int32) SETTINGS type = 'kafka', brokers = 'other:9092', topic = 't'`
    expect((await settingsOf('oss-3', SASL, others)).sql).not.toContain('security_protocol')
  })
})
