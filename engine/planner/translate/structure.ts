import { parseType, toClickHouseType } from '../../../dialect/index.js'
import { EngineError } from '../../errors.js'

/** `a int32, b tuple(x int8, y string)` → names and the store's types. Throws 36 or 50. */
export function parseColumns(structure: string): { name: string; chType: string }[] {
  return splitTopLevel(structure).map((part) => {
    const match = /^\s*(?:`([^`]+)`|([A-Za-z_]\w*))\s+(\S[\s\S]*?)\s*$/.exec(part)
    if (!match)
      throw new EngineError('BAD_ARGUMENTS', `Cannot read the column '${part.trim()}' of a structure`)
    return { name: (match[1] ?? match[2])!, chType: toClickHouseType(parseType(match[3]!)) }
  })
}

/** Splits at commas outside parentheses and quotes. */
function splitTopLevel(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let quoted = false
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === "'" && text[i - 1] !== '\\') quoted = !quoted
    if (quoted) continue
    if (char === '(') depth++
    else if (char === ')') depth--
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(start, i))
      start = i + 1
    }
  }
  parts.push(text.slice(start))
  return parts
}
