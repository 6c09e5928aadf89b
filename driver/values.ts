import { ProtonError } from './errors.js'

/** What may be written to a column, or bound to a parameter. Dates are sent in UTC with milliseconds. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Date
  | readonly Value[]
  | { readonly [key: string]: Value }

/** `2026-01-02 03:04:05.678`, which every datetime type of Proton reads. */
export function formatDate(date: Date): string {
  return date.toISOString().slice(0, 23).replace('T', ' ')
}

/** One JSON value. 64-bit integers are written as bare digits, so they keep every digit; `NaN` and infinities become null. */
export function encodeJson(value: Value): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null'
    case 'bigint':
      return value.toString()
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object': {
      if (value === null) return 'null'
      if (value instanceof Date) return `"${formatDate(value)}"`
      if (Array.isArray(value)) return `[${(value as readonly Value[]).map(encodeJson).join(',')}]`
      return encodeObject(value as { readonly [key: string]: Value })
    }
    default:
      return 'null'
  }
}

/** Keys whose value is undefined are left out, so that the column's default applies. */
export function encodeObject(row: { readonly [key: string]: Value }): string {
  let text = '{'
  for (const key of Object.keys(row)) {
    const value = row[key]
    if (value === undefined) continue
    text += `${text.length > 1 ? ',' : ''}${JSON.stringify(key)}:${encodeJson(value)}`
  }
  return `${text}}`
}

const ESCAPES: Record<string, string> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\b': '\\b',
  '\f': '\\f',
  '\0': '\\0',
}

/** Text of a query parameter (`{x:string}`): the escaping of TabSeparated at the top, SQL literals inside arrays and maps. */
export function encodeParameter(value: Value): string {
  if (value === null || value === undefined) return '\\N'
  if (typeof value === 'string') return value.replace(/[\\\t\n\r\b\f\0]/g, (c) => ESCAPES[c]!)
  if (value instanceof Date) return formatDate(value)
  if (typeof value === 'object') return literal(value)
  return String(value)
}

function literal(value: Value): string {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'string') return quoteString(value)
  if (value instanceof Date) return `'${formatDate(value)}'`
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(literal).join(',')}]`
  if (typeof value === 'object') {
    const entries = Object.entries(value as { readonly [key: string]: Value })
    return `{${entries.map(([k, v]) => `${quoteString(k)}:${literal(v)}`).join(',')}}`
  }
  return String(value)
}

/** A SQL string literal. */
export function quoteString(text: string): string {
  return `'${text.replace(/[\\\t\n\r\b\f\0]/g, (c) => ESCAPES[c]!).replaceAll("'", "\\'")}'`
}

/** A name as SQL: bare where it is a plain word, otherwise in backticks. A dot inside is part of the name. */
export function quoteName(name: string): string {
  if (name === '') throw new ProtonError('A name must not be empty.', { code: 0, codeName: 'BROKEN' })
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name
  return `\`${name.replace(/[\\`]/g, (c) => `\\${c}`).replace(/[\t\n\r\b\f\0]/g, (c) => ESCAPES[c]!)}\``
}

/** `db.stream` or `stream` as SQL. */
export function quoteStream(stream: string | { database: string; name: string }): string {
  if (typeof stream === 'string') return stream.split('.').map(quoteName).join('.')
  return `${quoteName(stream.database)}.${quoteName(stream.name)}`
}
