export {
  isRead,
  ProtonClient,
  type ProtonClientOptions,
  type QueryMode,
  type QueryOptions,
  type Settings,
} from './client.js'
export type { ColumnInfo, IntegerMode, Row } from './columns.js'
export { ProtonError, parseException, type TransportFailure } from './errors.js'
export type { InsertOptions, InsertRow, InsertRows, InsertSummary } from './insert.js'
export type { QueryResult } from './result.js'
export type { TlsOptions } from './transport.js'
export { quoteName, quoteStream, quoteString, type Value } from './values.js'
