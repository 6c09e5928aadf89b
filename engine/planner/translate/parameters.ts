import type { Parameter } from '../../../dialect/ast.js'
import { toClickHouseType } from '../../../dialect/index.js'
import { quoteIdentifier, quoteString } from '../../chdb/pool.js'
import { EngineError } from '../../errors.js'

/** `{x:int32}` with its value cast to its type; `\N` is NULL; `{x:identifier}` is a name. Throws 456. */
export function parameterText(parameter: Parameter, values: Record<string, string>): string {
  const text = values[parameter.name]
  if (text === undefined) {
    throw new EngineError('UNKNOWN_QUERY_PARAMETER', `Substitution '${parameter.name}' is not set`)
  }
  if (parameter.type.name === 'identifier') return quoteIdentifier(text)
  const type = toClickHouseType(parameter.type)
  if (text === '\\N') return `CAST(NULL, ${quoteString(type)})`
  return `CAST(${quoteString(unescapeText(text))}, ${quoteString(type)})`
}

const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', '0': '\0' }

/** A value as it is written in the TSV format, which is how Proton reads parameters: `\\` is one backslash. */
function unescapeText(text: string): string {
  return text.replace(/\\([\s\S])/g, (_, char: string) => ESCAPES[char] ?? char)
}
