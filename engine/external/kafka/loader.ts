import { quoteIdentifier, quoteString } from '../../chdb/pool.js'
import type { Chdb, StreamObject, StreamStore } from '../../contracts.js'
import { EngineError } from '../../errors.js'
import { dataLiteral } from '../../storage/source.js'
import type { DeadLetter } from '../dead_letters.js'
import { decoderOf, HIDDEN_COLUMNS, isRaw, type RawMessage } from './decode.js'
import type { MessageFormat } from './format.js'

export interface LoaderOptions {
  chdb: Chdb
  store: StreamStore
  inbox: StreamObject
  /** The external stream's name, topic and format, for parsing and for dead letters. */
  source: string
  topic: string
  format: MessageFormat
  columns: { name: string; chType: string }[]
  reject(letters: DeadLetter[]): Promise<void>
  /** Told of messages whose rows are stored, portion by portion. */
  stored(messages: RawMessage[]): void
}

/** Rows of one append: bounds the memory of a batch and the cost of finding one bad row in it. */
const MAX_ROWS = 20_000
const MAX_BYTES = 8 << 20
/** Messages that the store parses itself go in one statement, as a UNION. */
const MAX_FOREIGN = 100

/** So many refused messages of a portion are looked into one by one for their own reason. */
const MAX_EXPLAINED = 20

const READ_SETTINGS = {
  input_format_skip_unknown_fields: 1,
  input_format_null_as_default: 1,
  date_time_input_format: 'best_effort',
  input_format_json_read_numbers_as_strings: 1,
} as const

/** An entry of a batch: the message, and its rows unless the store has to find them itself. */
interface Entry {
  message: RawMessage
  rows?: string[]
}

/** Puts messages into an inbox in offset order. What does not parse goes to the dead letters, and blocks nothing. */
export async function loadMessages(messages: RawMessage[], options: LoaderOptions): Promise<void> {
  const decode = decoderOf(options.format, options.columns)
  const entries: Entry[] = []
  const rejected: DeadLetter[] = []
  for (const message of messages) {
    const decoded = decode(message)
    if ('error' in decoded) rejected.push(letter(message, decoded.error, options))
    else entries.push({ message, rows: 'rows' in decoded ? decoded.rows : undefined })
  }
  await options.reject(rejected)
  for (const portion of portions(entries)) {
    await appendPortion(portion, options)
    options.stored(portion.map(({ message }) => message))
  }
}

/** Neighbours that go in one append: bounded in rows and bytes, and either all parsed here or none. */
function* portions(entries: Entry[]): Generator<Entry[]> {
  let portion: Entry[] = []
  let rows = 0
  let bytes = 0
  for (const entry of entries) {
    const foreign = entry.rows === undefined
    const full = rows >= (foreign ? MAX_FOREIGN : MAX_ROWS) || bytes >= MAX_BYTES
    if (portion.length > 0 && (full || foreign !== (portion[0]!.rows === undefined))) {
      yield portion
      portion = []
      rows = 0
      bytes = 0
    }
    portion.push(entry)
    rows += entry.rows?.length ?? 1
    bytes += entry.message.value?.length ?? 0
  }
  if (portion.length > 0) yield portion
}

/** Appends all. Where the store refuses rows, their messages are sorted out, and the others are appended. */
async function appendPortion(entries: Entry[], options: LoaderOptions): Promise<void> {
  try {
    await append(entries, options)
  } catch (error) {
    if (!(error instanceof EngineError) || !isDataError(error)) throw error
    if (entries.length === 1) {
      await options.reject([letter(entries[0]!.message, error.message, options)])
      return
    }
    const refused = entries[0]!.rows === undefined ? [] : await refusedOf(entries, options)
    if (refused.length > 0) {
      await options.reject(await explained(refused, options))
      const good = entries.filter((entry) => !refused.includes(entry))
      if (good.length > 0) await appendPortion(good, options)
      return
    }
    // The halves: a bad message is found in log₂ n steps.
    const middle = entries.length >> 1
    await appendPortion(entries.slice(0, middle), options)
    await appendPortion(entries.slice(middle), options)
  }
}

/** The entries of which the store does not read every row, told by one statement that passes over what it cannot read. */
async function refusedOf(entries: Entry[], options: LoaderOptions): Promise<Entry[]> {
  const found = await options.chdb.rows<[number, string, string]>(
    `SELECT __partition, __offset, count() FROM ${parsed(entries, options)} GROUP BY __partition, __offset`,
    {
      settings: {
        ...READ_SETTINGS,
        input_format_allow_errors_num: 1_000_000,
        input_format_allow_errors_ratio: 1,
      },
    },
  )
  const rows = new Map(found.map(([partition, offset, count]) => [`${partition}:${offset}`, Number(count)]))
  return entries.filter(
    ({ message, rows: due }) => (rows.get(`${message.partition}:${message.offset}`) ?? 0) < due!.length,
  )
}

/** Why each message was refused; where there are many, the later ones are referred to the last that was looked into. */
async function explained(refused: Entry[], options: LoaderOptions): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = []
  let reason = ''
  for (const [i, entry] of refused.entries()) {
    if (i < MAX_EXPLAINED) reason = await reasonOf(entry, options)
    const { partition, offset } = refused[MAX_EXPLAINED - 1]?.message ?? entry.message
    const text =
      i < MAX_EXPLAINED ? reason : `As partition ${partition}, offset ${offset}, or the like: ${reason}`
    letters.push(letter(entry.message, text, options))
  }
  return letters
}

async function reasonOf(entry: Entry, options: LoaderOptions): Promise<string> {
  try {
    await options.chdb.run(`SELECT * FROM ${parsed([entry], options)}`, {
      format: 'Null',
      settings: READ_SETTINGS,
    })
    return 'The store refused the message together with others'
  } catch (error) {
    return (error as Error).message
  }
}

/** The rows of entries as a table expression. */
function parsed(entries: Entry[], options: LoaderOptions): string {
  const structure = [...options.columns, ...HIDDEN_COLUMNS]
    .map((column) => `${quoteIdentifier(column.name)} ${column.chType}`)
    .join(', ')
  const text = entries.flatMap((entry) => entry.rows ?? []).join('\n')
  return `format(JSONEachRow, ${quoteString(structure)}, ${quoteString(text)})`
}

async function append(entries: Entry[], options: LoaderOptions): Promise<void> {
  const columns = [
    ...options.columns.map((column) => column.name),
    ...HIDDEN_COLUMNS.map((column) => column.name),
  ]
  if (entries[0]!.rows !== undefined) {
    const lines = entries.flatMap((entry) => entry.rows ?? [])
    if (lines.length === 0) return
    await options.store.append(options.inbox, {
      kind: 'data',
      format: 'JSONEachRow',
      data: Buffer.from(lines.join('\n'), 'utf8'),
      columns,
      settings: READ_SETTINGS,
      count: lines.length,
    })
    return
  }
  const select = entries.map((entry) => foreignSelect(entry.message, options)).join(' UNION ALL ')
  const { settings } = options.format
  await options.store.append(options.inbox, { kind: 'select', select, columns, settings })
}

/** A message in CSV, TSV, Avro …: read by the store's own parser, its place added beside. */
function foreignSelect(message: RawMessage, options: LoaderOptions): string {
  const declared = options.columns.map((column) => quoteIdentifier(column.name))
  const structure = options.columns
    .map((column) => `${quoteIdentifier(column.name)} ${column.chType}`)
    .join(', ')
  const headers = Object.entries(message.headers).flatMap(([name, value]) => [
    quoteString(name),
    quoteString(value),
  ])
  const place = [
    `fromUnixTimestamp64Milli(toInt64(${message.timestamp}), 'UTC') AS __time`,
    `toInt64(${message.offset}) AS __offset`,
    `toInt32(${message.partition}) AS __partition`,
    `${quoteString(message.key?.toString('utf8') ?? '')} AS __key`,
    `CAST(map(${headers.join(', ')}), 'Map(String, String)') AS __headers`,
  ]
  const { dataFormat, readable } = options.format
  if (isRaw(dataFormat)) {
    const [column] = options.columns
    const value = `CAST(unhex('${message.value!.toString('hex')}'), ${quoteString(column!.chType)})`
    return `SELECT ${[`${value} AS ${declared[0]}`, ...place].join(', ')}`
  }
  const data = dataLiteral(readable(message.value!))
  return `SELECT ${[...declared, ...place].join(', ')} FROM format(${quoteIdentifier(dataFormat)}, ${quoteString(structure)}, ${data})`
}

/** Errors that blame the data; any other (disk full, shutdown) must be retried, never dead-lettered. */
const DATA_ERRORS = new Set([
  6, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 321, 349, 376, 441, 467, 552, 675, 676, 748,
])

function isDataError(error: EngineError): boolean {
  return DATA_ERRORS.has(error.code)
}

function letter(message: RawMessage, error: string, options: LoaderOptions): DeadLetter {
  return {
    source: options.source,
    topic: options.topic,
    partition: message.partition,
    offset: message.offset,
    error,
    raw: message.value?.toString('utf8') ?? '',
  }
}
