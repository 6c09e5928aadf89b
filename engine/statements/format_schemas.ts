import type { CreateFormatSchema } from '../../dialect/ast.js'
import { printStatement } from '../../dialect/index.js'
import { type FormatSchema, noSchema } from '../catalog/format_schemas.js'
import { quoteString } from '../chdb/pool.js'
import type { StatementResult } from '../contracts.js'
import { EngineError } from '../errors.js'
import { outputFormat } from '../server/formats.js'
import type { StatementDeps } from './deps.js'
import { notSupported } from './errors.js'
import { jsonResult } from './json_rows.js'

const TYPES: readonly FormatSchema['type'][] = ['Protobuf', 'Avro']

export async function createFormatSchema(
  { name: { name }, type: written, body: text, ifNotExists, orReplace }: CreateFormatSchema,
  { schemas, chdb }: StatementDeps,
): Promise<void> {
  const body = text.trim()
  if (body === '') throw new EngineError('BAD_ARGUMENTS', 'Format schema body cannot be empty')
  const type = typeOf(written)
  if (type === 'Avro') checkAvro(name, body)
  else await checkProtobuf(name, body, chdb)
  if (schemas.get(name)) {
    if (ifNotExists) return
    if (!orReplace) {
      throw EngineError.withCode(
        2610,
        'FORMAT_SCHEMA_ALREADY_EXISTS',
        `Format schema ${name} of type ${type} already exists`,
      )
    }
  }
  await schemas.put(name, { type, body })
}

/** Throws 2613 for a format without schemas, 73 for none at all. */
function typeOf(written: string): FormatSchema['type'] {
  const type = TYPES.find((known) => known.toLowerCase() === written.toLowerCase())
  if (type) return type
  outputFormat(written)
  throw EngineError.withCode(
    2613,
    'UNKNOWN_FORMAT_SCHEMA_TYPE',
    `Format schema type ${written} is not supported`,
  )
}

const CANNOT_PARSE_PROTOBUF_SCHEMA = 434

/** Has the store read the schema; that a made-up column is in no message does not matter. */
async function checkProtobuf(name: string, body: string, chdb: StatementDeps['chdb']): Promise<void> {
  // The store would look for it among its files.
  if (/\bimport\b/.test(body)) throw notSupported('A Protobuf schema with imports')
  const message = /\bmessage\s+(\w+)/.exec(body)?.[1] ?? 'M'
  const settings = `format_schema = ${quoteString(body)}, format_schema_source = 'string', format_schema_message_name = '${message}'`
  try {
    await chdb.run(`SELECT * FROM format(Protobuf, 'probe Nullable(String)', '') SETTINGS ${settings}`)
  } catch (cause) {
    if (!(cause instanceof EngineError) || cause.code !== CANNOT_PARSE_PROTOBUF_SCHEMA) return
    const what = cause.message.replace(/'__cache__[^']*' file/, 'the schema')
    throw EngineError.withCode(
      cause.code,
      cause.errorName,
      `${what}: Protobuf schema ${name} was invalid`,
      cause,
    )
  }
}

function checkAvro(name: string, body: string): void {
  let why = 'it has no type'
  try {
    if ((JSON.parse(body) as { type?: unknown } | null)?.type !== undefined) return
  } catch (cause) {
    why = (cause as Error).message
  }
  throw new EngineError('INCORRECT_DATA', `Cannot parse the schema: ${why}: Avro schema ${name} was invalid`)
}

export async function dropFormatSchema(
  name: string,
  ifExists: boolean,
  { schemas }: StatementDeps,
): Promise<void> {
  if (schemas.get(name)) return schemas.remove(name)
  if (!ifExists) throw noSchema(name)
}

export function formatSchemaText(name: string, { schemas }: StatementDeps): string {
  const schema = schemas.get(name)
  if (!schema) throw noSchema(name)
  return printStatement({
    kind: 'create_format_schema',
    name: { name },
    ifNotExists: false,
    orReplace: false,
    ...schema,
  })
}

export function showFormatSchemas(format: string | undefined, { schemas }: StatementDeps): StatementResult {
  const rows = schemas.list().map(([name, { type }]) => [name, type])
  return jsonResult({ name: 'string', type: 'string' }, rows, format)
}
