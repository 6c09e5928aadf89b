import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { clientOptions } from '../../bootstrap/brokers.js'
import { ensureTopics, listTopics } from '../../bootstrap/topics.js'
import { feedTrending } from '../../scripts/index.js'
import { FILES, type SecuredBroker, securedBroker, security, USER } from '../kafka/secured_broker.js'

let at: SecuredBroker
beforeAll(async () => {
  at = await securedBroker()
})

const SCANS = new URL('../fixtures/trending/demo_mix_5m.jsonl', import.meta.url).pathname

describe('brokers that ask who comes', () => {
  it.each([
    ['PLAIN', 'SASL_SSL'],
    ['SCRAM-SHA-256', 'SASL_SSL'],
    ['SCRAM-SHA-512', 'SASL_SSL'],
    ['SCRAM-SHA-512', 'SASL_PLAINTEXT'],
  ] as const)('let %s by %s in', async (saslMechanism, securityProtocol) => {
    const brokers = securityProtocol === 'SASL_SSL' ? at.saslSsl : at.saslPlaintext
    const kafka = security({ securityProtocol, saslMechanism, ...USER, ca: FILES.ca })
    const name = `t-${randomUUID()}`
    expect(await ensureTopics({ brokers, kafka }, [{ name, partitions: 1, replicationFactor: 1 }])).toEqual([
      name,
    ])
  })

  it('are fed', async () => {
    const kafka = security({
      securityProtocol: 'SASL_SSL',
      saslMechanism: 'SCRAM-SHA-512',
      ...USER,
      ca: FILES.ca,
    })
    const { brokers, ...options } = clientOptions({ brokers: at.saslSsl, kafka })
    const topic = `t-${randomUUID()}`
    const fed = () =>
      feedTrending({ source: 'replay', file: SCANS, speed: 'max', topic, brokers, security: options })
    const first = await fed()
    expect(first.written).toBeGreaterThan(500)
    // What is there is read back before: the consumer comes in as well.
    expect(await fed()).toMatchObject({ written: 0, duplicates: first.written })
  })

  it('let a certificate in', async () => {
    const { ca, cert, key } = FILES
    const kafka = security({ securityProtocol: 'SSL', ca, cert, key })
    expect(await listTopics({ brokers: at.mutualTls, kafka })).toBeInstanceOf(Array)
  })

  it('take what is not checked only where that is said', async () => {
    const kafka = security({ securityProtocol: 'SASL_SSL', ...USER, insecure: true })
    expect(await listTopics({ brokers: at.saslSsl, kafka })).toBeInstanceOf(Array)
  })
})

describe('what is refused has a code of its own, and a next step', () => {
  const { ca } = FILES
  it.concurrent.each([
    ['a wrong password', 'BROKER_DENIED', 'saslSsl', { ...USER, ca, password: 'wrong' }],
    [
      'a wrong password by SCRAM',
      'BROKER_DENIED',
      'saslSsl',
      { ...USER, ca, password: 'wrong', saslMechanism: 'SCRAM-SHA-256' },
    ],
    [
      'an unknown user',
      'BROKER_DENIED',
      'saslSsl',
      { ...USER, ca, username: 'nobody', saslMechanism: 'SCRAM-SHA-512' },
    ],
    ['no CA', 'BROKER_UNTRUSTED', 'saslSsl', { ...USER }],
    ['another CA', 'BROKER_UNTRUSTED', 'saslSsl', { ...USER, ca: FILES.otherCa }],
    ['another host name', 'BROKER_NAME', 'otherName', { securityProtocol: 'SSL', ca: FILES.otherCa }],
    ['no certificate of the client', 'BROKER_CLIENT_CERT', 'mutualTls', { securityProtocol: 'SSL', ca }],
    ['TLS where there is none', 'BROKER_PROTOCOL', 'saslPlaintext', { ...USER, ca }],
    ['no login', 'BROKER_UNREACHABLE', 'saslPlaintext', { securityProtocol: 'PLAINTEXT' }],
    ['no password', 'BROKER_PASSWORD', 'saslSsl', { ...USER, ca, password: undefined }],
    ['no file', 'TLS_FILE', 'saslSsl', { ...USER, ca: '/no/such/ca.pem' }],
  ] as const)('%s: %s', async (_, code, listener, settings) => {
    const kafka = security({ securityProtocol: 'SASL_SSL', ...settings })
    const error: unknown = await listTopics({ brokers: at[listener], kafka }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ code, suggestion: expect.stringMatching(/\w{4}/) })
    expect(JSON.stringify(error)).not.toContain(USER.password)
  })
})
