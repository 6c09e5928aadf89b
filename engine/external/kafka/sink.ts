import { randomUUID } from 'node:crypto'
import { Kafka, type Message, Partitioners, type Producer } from 'kafkajs'
import { quoteIdentifier, quoteString } from '../../chdb/pool.js'
import type { Chdb, ExternalStreamObject, RowSource } from '../../contracts.js'
import { EngineError } from '../../errors.js'
import { type MessageFormat, messageFormat, requireWritable, type Schemas } from './format.js'
import { type KafkaSettings, kafkaSettings } from './settings.js'

/** Messages of one produce request. */
const SEND_MESSAGES = 1_000

/** Columns of the target that are the message's envelope, not its body. */
const KEY_COLUMNS = ['_tp_message_key', '_message_key']
const HEADERS_COLUMN = '_tp_message_headers'

/**
 * Produces rows to a topic, at least once: a batch repeated after a crash is produced again. Producers are kept
 * open per external stream.
 */
export class KafkaSinks {
  readonly #chdb: Chdb
  readonly #schemas: Schemas
  readonly #producers = new Map<number, Promise<Producer>>()

  constructor(chdb: Chdb, schemas: Schemas) {
    this.#chdb = chdb
    this.#schemas = schemas
  }

  async write(object: ExternalStreamObject, rows: RowSource): Promise<{ rows: number }> {
    const settings = kafkaSettings(object.settings, object.columns)
    const format = messageFormat(settings, this.#schemas)
    requireWritable(format)
    const producer = await this.#producer(object.id, settings)
    const envelope = [...KEY_COLUMNS, HEADERS_COLUMN].filter((name) => rows.columns.includes(name))
    const body = rows.columns.filter((name) => !envelope.includes(name))
    if (body.length === 0)
      throw new EngineError('BAD_ARGUMENTS', 'A message needs at least one column besides its key')
    let written = 0
    let waiting: Encoded[] = []
    const flush = async () => {
      if (waiting.length === 0) return
      const messages = waiting
      waiting = []
      try {
        await producer.send({ topic: settings.topic, messages, acks: -1 })
      } catch (cause) {
        this.#forget(object.id)
        throw new EngineError(
          'UNKNOWN_EXCEPTION',
          `Failed to write to topic '${settings.topic}': ${(cause as Error).message}`,
          { cause },
        )
      }
    }
    // Without keys of their own, rows share messages up to the size limit, unless each must be one.
    const separate = settings.oneMessagePerRow || envelope.length > 0
    const between = Buffer.from(format.between)
    for await (const row of this.#encodedRows(object, rows, envelope, body, format)) {
      written++
      const last = waiting.at(-1)
      if (!separate && last && settings.maxMessageBytes - last.value.length > row.value.length)
        last.value = Buffer.concat([last.value, between, row.value])
      else {
        if (waiting.length >= SEND_MESSAGES) await flush()
        waiting.push(row)
      }
    }
    await flush()
    return { rows: written }
  }

  async close(): Promise<void> {
    const producers = [...this.#producers.values()]
    this.#producers.clear()
    await Promise.all(producers.map(async (producer) => (await producer).disconnect().catch(() => {})))
  }

  /** Each row as [key, headers, body], the body in the stream's data format. */
  async *#encodedRows(
    object: ExternalStreamObject,
    rows: RowSource,
    envelope: string[],
    body: string[],
    format: MessageFormat,
  ): AsyncGenerator<Encoded> {
    const key = envelope.find((name) => KEY_COLUMNS.includes(name))
    const types = new Map(object.columns.map((column) => [column.name, column.chType]))
    const column = (name: string) => {
      const type = types.get(name)
      const quoted = quoteIdentifier(name)
      return type === undefined ? quoted : `CAST(${quoted}, ${quoteString(type)})`
    }
    const values = body.map((name) => `${column(name)} AS ${quoteIdentifier(name)}`)
    const name = quoteString(format.written.dataFormat)
    const select = [
      key === undefined ? 'NULL' : `toString(${quoteIdentifier(key)})`,
      envelope.includes(HEADERS_COLUMN) ? quoteIdentifier(HEADERS_COLUMN) : 'map()',
      // The names of its arguments become the fields. Bytes would not come through JSON as they are.
      `base64Encode(formatRowNoNewline(${name}, ${body.map(quoteIdentifier).join(', ')}))`,
    ].join(', ')
    const inner = [...envelope.map(quoteIdentifier), ...values].join(', ')
    const sql = `SELECT ${select} FROM (SELECT ${inner} FROM (${sourceSelect(rows, object)}))`
    let rest = ''
    const decoder = new TextDecoder()
    for await (const chunk of this.#chdb.stream(sql, {
      format: 'JSONCompactEachRow',
      settings: {
        output_format_json_quote_64bit_integers: 0,
        max_query_size: 1_000_000_000,
        ...format.settings,
      },
      tag: `sink-${randomUUID()}`,
    })) {
      rest += decoder.decode(chunk, { stream: true })
      const lines = rest.split('\n')
      rest = lines.pop()!
      for (const line of lines) if (line !== '') yield toMessage(line, format)
    }
    if (rest.trim() !== '') yield toMessage(rest, format)
  }

  #producer(id: number, settings: KafkaSettings): Promise<Producer> {
    let producer = this.#producers.get(id)
    if (!producer) {
      producer = (async () => {
        const created = new Kafka(settings.client).producer({
          idempotent: true,
          maxInFlightRequests: 1,
          allowAutoTopicCreation: false,
          createPartitioner: Partitioners.DefaultPartitioner,
        })
        await created.connect()
        return created
      })()
      producer.catch(() => this.#producers.delete(id))
      this.#producers.set(id, producer)
    }
    return producer
  }

  #forget(id: number): void {
    const producer = this.#producers.get(id)
    this.#producers.delete(id)
    producer?.then((open) => open.disconnect()).catch(() => {})
  }
}

type Encoded = Message & { value: Buffer }

function toMessage(line: string, { written }: MessageFormat): Encoded {
  const [key, headers, value] = JSON.parse(line) as [string | null, Record<string, string>, string]
  return { key, headers, value: written.message(Buffer.from(value, 'base64')) }
}

function sourceSelect(rows: RowSource, object: ExternalStreamObject): string {
  if (rows.kind === 'select') {
    return rows.picked
      ? `SELECT ${rows.picked.map(quoteIdentifier).join(', ')} FROM (${rows.select})`
      : rows.select
  }
  const types = new Map(object.columns.map((column) => [column.name, column.chType]))
  const structure = rows.columns
    .map((name) => `${quoteIdentifier(name)} ${types.get(name) ?? 'String'}`)
    .join(', ')
  const data = Buffer.from(rows.data).toString('utf8')
  return `SELECT ${rows.columns.map(quoteIdentifier).join(', ')} FROM format(${quoteIdentifier(rows.format)}, ${quoteString(structure)}, ${quoteString(data)})`
}
