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

export const USER = { username: 'shop', password: 's3cret-of-the-shop!' }

const dir = mkdtempSync(join(tmpdir(), 'tpctl-certificates-'))
const file = (name: string, content: string) => {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}
/** Apache Kafka's listeners, and the files for them (`npm run test:kafka`). */
const apache: (SecuredBroker & { files: typeof OWN_FILES }) | undefined =
  process.env.KAFKA_SECURED_BROKERS && JSON.parse(process.env.KAFKA_SECURED_BROKERS)

const OWN_FILES = {
  ca: file('ca.pem', TEST_CERT),
  cert: file('cert.pem', TEST_CERT),
  key: file('key.pem', TEST_KEY),
  otherCa: file('other-ca.pem', OTHER_CERT),
}
/** Files as a config names them. */
export const FILES = apache?.files ?? OWN_FILES

const endings: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const end of endings.splice(0)) await end()
  rmSync(dir, { recursive: true, force: true })
})

/**
 * Brokers that let nobody in without a login or a certificate: the engine's own, or Apache Kafka. A test cannot tell
 * which it is.
 */
export async function securedBroker(): Promise<SecuredBroker> {
  if (apache) return apache
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
