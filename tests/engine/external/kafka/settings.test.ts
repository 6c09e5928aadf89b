import { describe, expect, it } from 'vitest'
import { kafkaSettings } from '../../../../engine/external/kafka/settings.js'

const BASE = { type: 'kafka', brokers: 'a:9092, b:9092', topic: 't' }
const COLUMNS = [{ type: 'string' }, { type: 'int32' }]

describe('settings of a Kafka external stream', () => {
  it('have the defaults of Proton', () => {
    const settings = kafkaSettings(BASE, COLUMNS)
    expect(settings).toMatchObject({
      brokers: ['a:9092', 'b:9092'],
      dataFormat: 'JSONEachRow',
      oneMessagePerRow: false,
    })
    expect(kafkaSettings(BASE, [{ type: 'string' }])).toMatchObject({
      dataFormat: 'RawBLOB',
      oneMessagePerRow: true,
    })
  })

  it.each([
    [{ nope: '1' }, 115, 'Unknown setting nope'],
    [{ topic: '' }, 36, 'Empty `topic`'],
    [{ topic: 'a b' }, 36, 'not a legal Kafka topic name'],
    [{ brokers: 'nohost' }, 36, "'nohost' is not host:port"],
    [{ properties: 'group.id=x' }, 36, 'keeps offsets itself'],
    [{ properties: 'sasl.mechanisms=PLAIN' }, 48, 'use security_protocol'],
    [{ sharding_expr: 'rand()' }, 48, 'give messages a _tp_message_key'],
    [{ kafka_schema_registry_url: 'http://r' }, 48, 'make a FORMAT SCHEMA'],
    [{ security_protocol: 'SSL', ssl_ca_cert_file: '/no/such/file' }, 36, "cannot read '/no/such/file'"],
    [
      { security_protocol: 'SSL', properties: 'ssl.certificate.location=/no/such/cert; x=y' },
      36,
      "ssl.certificate.location: cannot read '/no/such/cert'",
    ],
    [{ security_protocol: 'SASL_SSL', sasl_mechanism: 'AWS_MSK_IAM' }, 48, 'AWS_MSK_IAM is not supported'],
  ])('%j is refused with code %i', (more, code, message) => {
    expect(() => kafkaSettings({ ...BASE, ...more }, COLUMNS)).toThrowError(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })
})
