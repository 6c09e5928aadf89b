import { isUtf8 } from 'node:buffer'

/** A message as the consumer gives it. */
export interface RawMessage {
  partition: number
  offset: number
  /** Broker timestamp, ms. */
  timestamp: number
  key: Buffer | null
  value: Buffer | null
  headers: Record<string, string>
}

/** Physical columns of an inbox besides the declared ones. Two underscores: no message field is called so. */
export const HIDDEN_COLUMNS = [
  { name: '__time', type: "datetime64(3, 'UTC')", chType: "DateTime64(3, 'UTC')" },
  { name: '__offset', type: 'int64', chType: 'Int64' },
  { name: '__partition', type: 'int32', chType: 'Int32' },
  { name: '__key', type: 'string', chType: 'String' },
  { name: '__headers', type: 'map(string, string)', chType: 'Map(String, String)' },
] as const

export type Decoded =
  /** One line of JSONEachRow per row, with the hidden columns spliced in. */
  | { rows: string[] }
  /** The store has to parse the message itself. */
  | { foreign: true }
  | { error: string }

/** Formats in which a message is the value of the only column, whatever its bytes. */
export function isRaw(dataFormat: string): boolean {
  return /^(rawblob|rawstring|lineasstring)$/i.test(dataFormat)
}

/** How messages of a data format become JSONEachRow lines, where they do. */
export function decoderOf(
  { dataFormat, binary }: { dataFormat: string; binary: boolean },
  columns: { name: string }[],
): (message: RawMessage) => Decoded {
  if (isRaw(dataFormat)) return (message) => decodeRaw(message, columns[0]!.name)
  const decode = dataFormat.toLowerCase() === 'jsoneachrow' ? decodeJson : () => ({ foreign: true as const })
  return (message) => {
    if (message.value === null || message.value.length === 0) return { error: 'The message is empty' }
    return binary || isUtf8(message.value) ? decode(message) : { error: 'The message is not valid UTF-8' }
  }
}

function decodeRaw(message: RawMessage, column: string): Decoded {
  const value = message.value ?? Buffer.alloc(0)
  if (!isUtf8(value)) return { foreign: true }
  return { rows: [splice(message, `{${JSON.stringify(column)}:${JSON.stringify(value.toString('utf8'))}}`)] }
}

/** One object, several objects one after another, or an array of objects. */
function decodeJson(message: RawMessage): Decoded {
  const text = message.value!.toString('utf8').trim()
  if (text === '') return { error: 'The message is empty' }
  const objects = splitObjects(text)
  if (typeof objects === 'string') return { error: objects }
  const rows: string[] = []
  for (const object of objects) {
    try {
      JSON.parse(object)
    } catch (error) {
      return { error: `Not valid JSON: ${(error as Error).message}` }
    }
    rows.push(splice(message, object))
  }
  return { rows }
}

/** Cuts the text, not the values, so that no number loses precision. A string is the reason why it cannot be cut. */
export function splitObjects(text: string): string[] | string {
  const objects: string[] = []
  const end = text.length
  const inArray = text[0] === '['
  let i = inArray ? 1 : 0
  while (i < end) {
    const char = text[i]!
    if (char === ' ' || char === '\n' || char === '\r' || char === '\t' || char === ',') {
      i++
      continue
    }
    if (inArray && char === ']' && text.slice(i + 1).trim() === '') return objects
    if (char !== '{')
      return `Expected a JSON object at position ${i}, found ${JSON.stringify(text.slice(i, i + 20))}`
    const close = objectEnd(text, i)
    if (close < 0) return 'The JSON object is not closed'
    objects.push(text.slice(i, close))
    i = close
  }
  return inArray ? 'The JSON array is not closed' : objects
}

function objectEnd(text: string, start: number): number {
  let depth = 0
  for (let i = start; i < text.length; i++) {
    const char = text[i]
    if (char === '"') {
      i++
      while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1
    } else if (char === '{') depth++
    else if (char === '}' && --depth === 0) return i + 1
  }
  return -1
}

function splice(message: RawMessage, object: string): string {
  const hidden =
    `{"__time":"${new Date(message.timestamp).toISOString()}","__offset":${message.offset},"__partition":${message.partition},` +
    `"__key":${JSON.stringify(message.key?.toString('utf8') ?? '')},"__headers":${JSON.stringify(message.headers)}`
  const rest = object.slice(1).trimStart()
  // Line feeds between tokens would end a JSONEachRow line; inside strings they are escaped already.
  return (rest === '}' ? `${hidden}}` : `${hidden},${rest}`).replace(/[\r\n]+/g, ' ')
}
