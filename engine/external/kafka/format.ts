import { type FormatSchemas, protobufSettings, schemaOf } from '../../catalog/format_schemas.js'
import { EngineError } from '../../errors.js'
import { avroFile } from './avro_file.js'
import { isRaw } from './decode.js'

/** A data format as the store reads and writes messages in it. */
export interface MessageFormat {
  /** As the stream says it. */
  dataFormat: string
  /** The store's settings that its schema comes to. */
  settings: Record<string, string>
  /** Messages are bytes, not text. */
  binary: boolean
  /** What stands between the rows of one message: Protobuf messages tell their length, rows of text end with their line. */
  between: string
  /** What the store reads instead of a message. */
  readable(message: Buffer): Buffer
  /** As the store writes rows one by one, and the message that comes of it. */
  written: { dataFormat: string; message(row: Buffer): Buffer }
}

export type Schemas = Pick<FormatSchemas, 'get'>

/** Throws 36 where the format needs a schema and none is named, 2611 where there is none of the name. */
export function messageFormat(
  { dataFormat, formatSchema }: { dataFormat: string; formatSchema: string | undefined },
  schemas: Schemas,
): MessageFormat {
  const raw = isRaw(dataFormat)
  const asIs = {
    dataFormat,
    settings: {},
    between: '\n',
    readable: (message: Buffer) => message,
    written: { dataFormat: raw ? 'RawBLOB' : dataFormat, message: (row: Buffer) => row },
  }
  if (/^protobuf(single)?$/i.test(dataFormat)) {
    const single = /single$/i.test(dataFormat)
    return {
      ...asIs,
      binary: true,
      between: '',
      settings: protobufSettings(formatSchema, schemas),
      // Several at once are written with their lengths only.
      written: { dataFormat: 'Protobuf', message: single ? withoutLength : (row) => row },
    }
  }
  if (!/^avro$/i.test(dataFormat)) return { ...asIs, binary: raw }
  if (!formatSchema) return { ...asIs, binary: true }
  const schema = schemaOf(formatSchema, 'Avro', schemas)
  return { ...asIs, binary: true, readable: (message) => avroFile(schema, message) }
}

/** Throws 48 for formats that the store can only read. */
export function requireWritable({ dataFormat }: MessageFormat): void {
  if (/^avro$/i.test(dataFormat)) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      'The embedded engine reads Avro messages and does not write them: use ProtobufSingle or JSONEachRow',
    )
  }
}

/** A Protobuf message without the varint before it. */
function withoutLength(row: Buffer): Buffer {
  return row.subarray(row.findIndex((byte) => byte < 128) + 1)
}
