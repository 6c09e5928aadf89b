import { Kafka, logLevel, type Message, type Producer } from 'kafkajs'
import { type TestEngine, until } from '../engine/server/harness.js'
import { createTopic } from '../kafka/broker.js'

/** Topics of a broker and external streams over them, with messages that are rows of an id and a string. */
export class Topics {
  private constructor(
    readonly engine: TestEngine,
    readonly brokers: string,
    readonly kafka: Kafka,
    readonly producer: Producer,
  ) {}

  static async open(engine: TestEngine, brokers: string): Promise<Topics> {
    const kafka = new Kafka({
      brokers: [brokers],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 100 },
    })
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    return new Topics(engine, brokers, kafka, producer)
  }

  /** A topic, and an external stream of its name. */
  async create(name: string, partitions = 1, columns = 'id uint32, s string', more = ''): Promise<void> {
    const admin = this.kafka.admin()
    await admin.connect()
    await createTopic(admin, name, { partitions })
    await admin.disconnect()
    await this.engine.run(
      `CREATE EXTERNAL STREAM ${name} (${columns}) SETTINGS type = 'kafka', brokers = '${this.brokers}', topic = '${name}'${more}`,
    )
  }

  async send(topic: string, messages: Message[]): Promise<void> {
    await this.producer.send({ topic, messages })
  }

  /** Ids that a relation holds, once there are so many. */
  async ids(from: string, count: number, ms = 30_000): Promise<number[]> {
    return until(async () => {
      const found = await this.engine.rows(`SELECT id FROM ${from} ORDER BY id`)
      return found.length >= count ? found.map(({ id }) => Number(id)) : undefined
    }, ms)
  }

  async viewError(name: string): Promise<string> {
    const [found] = await this.engine.rows(
      `SELECT last_error FROM system.materialized_views WHERE name = '${name}'`,
    )
    return String(found!.last_error)
  }

  async close(): Promise<void> {
    await this.producer.disconnect().catch(() => {})
  }
}

export const row = (id: number): Message => ({ value: JSON.stringify({ id, s: `s${id}` }) })
export const rows = (from: number, to: number) => range(from, to).map(row)
export const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
