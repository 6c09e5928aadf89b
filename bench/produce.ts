import { readFile } from 'node:fs/promises'
import { Kafka, logLevel } from 'kafkajs'

const SEND_AT_ONCE = 2_000

/** Sends a file of messages as fast as the broker takes them, spread over the partitions. */
export async function produceFile(brokers: string, topic: string, file: string): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
  await withProducer(brokers, async (send) => {
    for (let from = 0; from < lines.length; from += SEND_AT_ONCE) {
      await send(topic, lines.slice(from, from + SEND_AT_ONCE))
    }
  })
}

export async function withProducer(
  brokers: string,
  body: (send: (topic: string, values: string[]) => Promise<void>) => Promise<void>,
): Promise<void> {
  const producer = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  try {
    await body(async (topic, values) => {
      await producer.send({ topic, messages: values.map((value) => ({ value })) })
    })
  } finally {
    await producer.disconnect()
  }
}
