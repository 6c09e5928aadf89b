import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { TEST_CERT, TEST_KEY } from '../driver/tls_cert.js'
import { onState, writeProject } from './support.js'

const PASSWORD = 'known-to-.env-alone'
const project = writeProject({
  'tpctl.config.ts': `import { defineConfig } from 'tpctl'
export default defineConfig({
  name: 'small',
  topics: [{ name: 'orders', partitions: 1 }],
  targets: { embedded: { edition: 'embedded', kafka: {
    securityProtocol: 'SASL_SSL', saslMechanism: 'SCRAM-SHA-256', username: 'shop',
    ca: 'certs/ca.pem', broker: { cert: 'certs/ca.pem', key: 'certs/key.pem' },
  } } },
})
`,
  '.env': `KAFKA_PASSWORD=${PASSWORD}\n`,
  'certs/ca.pem': TEST_CERT,
  'certs/key.pem': TEST_KEY,
  'sql/orders.sql':
    "CREATE EXTERNAL STREAM orders (id int32) SETTINGS type = 'kafka', brokers = '${KAFKA_BROKERS}', topic = 'orders'",
})
const { state, tpctl, up, down, rows } = onState(project)
afterAll(down)

it('the development broker asks who comes, where the config says so, and everything of ours gets in', async () => {
  await up()
  expect(await tpctl(['bootstrap'])).toMatchObject({ code: 0 })
  await rows('INSERT INTO orders (id) VALUES (7)')
  expect(await rows('SELECT id FROM table(orders)')).toEqual([{ id: 7 }])

  const wrong = await tpctl(['target', 'check'], { env: { KAFKA_PASSWORD: 'wrong' } })
  expect(wrong).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/refuses the login.*\n.*kafka\.username/),
  })

  // The engine's own store apart, which has to have it.
  for (const name of readdirSync(state, { recursive: true }) as string[])
    if (/\.(json|log|ndjson)$/.test(name) && !name.startsWith('engine/store'))
      expect(readFileSync(join(state, name), 'utf8'), name).not.toContain(PASSWORD)
})
