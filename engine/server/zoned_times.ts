/**
 * Times with an explicit zone print with their offset: `2026-01-02 03:04:05.678Z`, `… +05:30` (without the
 * blank). The store prints none, so such columns are turned into text, at any depth of their type.
 */
import { quoteString } from '../chdb/pool.js'

const ZONED = /^DateTime(?:64)?\(.*'.*'\)$/

/** SQL of the text of `expr`, or undefined where the type holds no time with a zone. */
export function zonedText(chType: string, expr: string, depth = 0): string | undefined {
  if (!chType.includes('DateTime') || !chType.includes("'")) return undefined
  const { name, args } = splitType(chType)
  const item = `x${depth}`
  switch (name) {
    case 'DateTime':
    case 'DateTime64':
      return ZONED.test(chType) ? withOffset(expr, chType) : undefined
    case 'Nullable':
    case 'LowCardinality':
      return zonedText(args[0]!, expr, depth)
    case 'Array': {
      const inner = zonedText(args[0]!, item, depth + 1)
      return inner === undefined ? undefined : `arrayMap(${item} -> ${inner}, ${expr})`
    }
    case 'Map': {
      const value = zonedText(args[1]!, `v${depth}`, depth + 1)
      return value === undefined
        ? undefined
        : `mapApply((k${depth}, v${depth}) -> (k${depth}, ${value}), ${expr})`
    }
    case 'Tuple':
      return zonedTuple(args, expr, depth)
    default:
      return undefined
  }
}

function withOffset(expr: string, chType: string): string {
  if (/'(?:UTC|Etc\/UTC|GMT|Etc\/GMT|Zulu)'\)$/.test(chType)) return `concat(toString(${expr}), 'Z')`
  return `concat(toString(${expr}), if(timezoneOffset(${expr}) = 0, 'Z', replaceRegexpOne(formatDateTime(${expr}, '%z'), '(..)$', ':\\\\1')))`
}

function zonedTuple(args: string[], expr: string, depth: number): string | undefined {
  const elements = args.map(splitElement)
  const texts = elements.map((element, i) =>
    zonedText(element.type, `tupleElement(${expr}, ${i + 1})`, depth + 1),
  )
  if (texts.every((text) => text === undefined)) return undefined
  const values = texts.map((text, i) => text ?? `tupleElement(${expr}, ${i + 1})`)
  const plain = `tuple(${values.join(', ')})`
  if (elements.every((element) => element.name === undefined)) return plain
  const types = elements.map(
    (element, i) =>
      `${element.name ?? `c${i}`} ${texts[i] === undefined ? element.type : textType(element.type)}`,
  )
  return `CAST(${plain}, ${quoteString(`Tuple(${types.join(', ')})`)})`
}

/** The type that `zonedText` turns a type into. */
function textType(chType: string): string {
  const { name, args } = splitType(chType)
  if (name === 'Nullable') return `Nullable(${textType(args[0]!)})`
  if (name === 'Array') return `Array(${textType(args[0]!)})`
  if (name === 'Map') return `Map(${args[0]}, ${textType(args[1]!)})`
  if (name === 'Tuple') {
    return `Tuple(${args
      .map(splitElement)
      .map((e) => `${e.name === undefined ? '' : `${e.name} `}${textType(e.type)}`)
      .join(', ')})`
  }
  return ZONED.test(chType) ? 'String' : chType
}

function splitElement(arg: string): { name?: string; type: string } {
  const match = /^(`(?:[^`\\]|\\.)*`|[A-Za-z_]\w*) ([\s\S]+)$/.exec(arg)
  return match ? { name: match[1], type: match[2]! } : { type: arg }
}

/** `Map(String, Array(Int8))` → name and top-level arguments. */
export function splitType(chType: string): { name: string; args: string[] } {
  const open = chType.indexOf('(')
  if (open < 0) return { name: chType, args: [] }
  const args: string[] = []
  let depth = 0
  let start = open + 1
  let quote = ''
  for (let i = open + 1; i < chType.length - 1; i++) {
    const c = chType[i]!
    if (quote !== '') {
      if (c === '\\') i++
      else if (c === quote) quote = ''
    } else if (c === "'" || c === '`') quote = c
    else if (c === '(') depth++
    else if (c === ')') depth--
    else if (c === ',' && depth === 0) {
      args.push(chType.slice(start, i).trim())
      start = i + 1
    }
  }
  args.push(chType.slice(start, -1).trim())
  return { name: chType.slice(0, open), args }
}
