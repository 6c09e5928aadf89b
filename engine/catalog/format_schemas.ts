import type { Chdb } from '../contracts.js'
import { EngineError } from '../errors.js'
import { StoredMap } from './stored_map.js'

/** What messages of a binary format look like. */
export interface FormatSchema {
  type: 'Protobuf' | 'Avro'
  body: string
}

export type FormatSchemas = StoredMap<FormatSchema>

export function openFormatSchemas(chdb: Chdb): Promise<FormatSchemas> {
  return StoredMap.open<FormatSchema>(chdb, 'format_schema')
}

/** `format_schema = 'name:Message'` → the settings with which the store reads and writes such messages. Throws 2611, 36. */
export function protobufSettings(
  formatSchema: string | undefined,
  schemas: Pick<FormatSchemas, 'get'>,
): Record<string, string> {
  const [name = '', message] = (formatSchema ?? '').split(':')
  if (name === '' || !message) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      "Format Protobuf needs the setting format_schema = 'schema_name:MessageName'",
    )
  }
  const body = schemaOf(name, 'Protobuf', schemas)
  return { format_schema: body, format_schema_source: 'string', format_schema_message_name: message }
}

/** The text of a schema. Throws 2611. */
export function schemaOf(
  name: string,
  type: FormatSchema['type'],
  schemas: Pick<FormatSchemas, 'get'>,
): string {
  const schema = schemas.get(name)
  if (schema?.type !== type) throw noSchema(name, type)
  return schema.body
}

export function noSchema(name: string, type = ''): EngineError {
  return EngineError.withCode(
    2611,
    'UNKNOWN_FORMAT_SCHEMA',
    `Format schema ${name} ${type === '' ? '' : `of type ${type} `}doesn't exists`,
  )
}
