import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { KafkaConfig } from '../../bootstrap/config.js'
import { startBroker } from '../../engine/broker/index.js'
import { OTHER_CERT, OTHER_KEY, TEST_CERT, TEST_KEY } from '../driver/tls_cert.js'

/** Addresses of listeners, by what they ask for. */
export interface SecuredBroker {
  /** TLS and a login: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
  saslSsl: string
  /** A login, in plain text. */
  saslPlaintext: string
  /** TLS, and the certificate of the client. */
  mutualTls: string
  /** TLS, as somebody else: its certificate is for another name, and signed by itself. */
  otherName: string
}

export const USER = { username: 'shop', password: "s3cret, with 'quotes' and =" }

const dir = mkdtempSync(join(tmpdir(), 'tpctl-certificates-'))
const file = (name: string, content: string) => {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}
/** Files as a config names them. */
export const FILES = {
  ca: file('ca.pem', TEST_CERT),
  cert: file('cert.pem', TEST_CERT),
  key: file('key.pem', TEST_KEY),
  otherCa: file('other-ca.pem', OTHER_CERT),
}
const endings: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const end of endings.splice(0)) await end()
  rmSync(dir, { recursive: true, force: true })
})

/**
 * Brokers that let nobody in without a login or a certificate: the engine's own, or Apache Kafka, whose listeners
 * KAFKA_SECURED_BROKERS names (`npm run test:kafka`).
 */
export async function securedBroker(): Promise<SecuredBroker> {
  const named = process.env.KAFKA_SECURED_BROKERS
  if (named !== undefined) return JSON.parse(named) as SecuredBroker
  const tls = { cert: TEST_CERT, key: TEST_KEY }
  const users = { [USER.username]: USER.password }
  const own = async (name: string, options: object) => {
    const broker = await startBroker({ dir: join(dir, name), port: 0, ...options })
    endings.push(() => broker.close())
    return broker.brokers
  }
  return {
    saslSsl: await own('sasl-ssl', { tls, users }),
    saslPlaintext: await own('sasl', { users }),
    mutualTls: await own('mutual', { tls: { ...tls, ca: TEST_CERT } }),
    otherName: await own('other', { tls: { cert: OTHER_CERT, key: OTHER_KEY } }),
  }
}

/** A target's `kafka`, with what is not said left at its default. */
export function security(
  settings: Partial<KafkaConfig> & Pick<KafkaConfig, 'securityProtocol'> & { password?: string },
) {
  return {
    saslMechanism: 'PLAIN' as const,
    passwordVariable: 'KAFKA_PASSWORD',
    insecure: false,
    ...settings,
  }
}
