import { expect, it } from 'vitest'
import { metadata, saslAuthenticate, saslHandshake } from '../../../engine/broker/protocol/apis/cluster.js'
import { KafkaCode } from '../../../engine/broker/protocol/errors.js'
import { testBroker } from './support/temp.js'
import { WireClient } from './support/wire_client.js'

const ALL = {
  topics: null,
  allowAutoTopicCreation: false,
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
}
const plain = (user: string, password: string) => Buffer.from(`\0${user}\0${password}`)

async function connected() {
  const broker = await testBroker({ users: { shop: 'sesame' } })
  broker.createTopic('t')
  return WireClient.connect(broker.port)
}

it('before a login nothing is told', async () => {
  const client = await connected()
  client.send(metadata, 1, ALL)
  expect(await client.receive()).toBeUndefined()
})

it('a mechanism that is not there is answered with those that are', async () => {
  const client = await connected()
  expect(await client.call(saslHandshake, 1, { mechanism: 'GSSAPI' })).toEqual({
    errorCode: KafkaCode.UNSUPPORTED_SASL_MECHANISM,
    mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
  })
})

it.each([0, 1, 2])('SaslAuthenticate v%i: the right password, and a wrong one', async (version) => {
  const client = await connected()
  await client.call(saslHandshake, 1, { mechanism: 'PLAIN' })
  const right = await client.call(saslAuthenticate, version, { authBytes: plain('shop', 'sesame') })
  expect(right).toMatchObject({ errorCode: 0, errorMessage: null })
  expect((await client.call(metadata, 1, ALL)).topics).toHaveLength(1)

  const other = await connected()
  await other.call(saslHandshake, 1, { mechanism: 'PLAIN' })
  const wrong = await other.call(saslAuthenticate, version, { authBytes: plain('shop', 'open') })
  expect(wrong.errorCode).toBe(KafkaCode.SASL_AUTHENTICATION_FAILED)
  expect(await other.receive()).toBeUndefined()
})

it('a token without a handshake is refused', async () => {
  const client = await connected()
  const answer = await client.call(saslAuthenticate, 0, { authBytes: plain('shop', 'sesame') })
  expect(answer.errorCode).toBe(KafkaCode.ILLEGAL_SASL_STATE)
})

it('old clients send tokens as they are', async () => {
  const client = await connected()
  await client.call(saslHandshake, 0, { mechanism: 'PLAIN' })
  client.sendFrame(plain('shop', 'sesame'))
  expect(await client.receive()).toHaveLength(0)
  expect((await client.call(metadata, 1, ALL)).topics).toHaveLength(1)

  const other = await connected()
  await other.call(saslHandshake, 0, { mechanism: 'PLAIN' })
  other.sendFrame(plain('nobody', ''))
  expect(await other.receive()).toBeUndefined()
})

it.each(['n,,n=shop,r=', 'n,,', 'y', '', 'n,,n=shop,r=x'])(
  'a broken SCRAM token %j ends in a refusal',
  async (token) => {
    const client = await connected()
    await client.call(saslHandshake, 1, { mechanism: 'SCRAM-SHA-256' })
    const first = await client.call(saslAuthenticate, 1, { authBytes: Buffer.from(token) })
    if (first.errorCode === 0) {
      const second = await client.call(saslAuthenticate, 1, {
        authBytes: Buffer.from('c=biws,r=other,p=AA=='),
      })
      expect(second.errorCode).toBe(KafkaCode.SASL_AUTHENTICATION_FAILED)
    } else expect(first.errorCode).toBe(KafkaCode.SASL_AUTHENTICATION_FAILED)
  },
)
