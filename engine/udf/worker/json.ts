import type { ValueType } from './spec.js'

/** A decoded value as Proton's JSON formats print it: 64-bit integers quoted, dates as text in their zone, NaN as null. */
export function toJsonValue(type: ValueType, value: unknown): unknown {
  if (value === null) return null
  switch (type.kind) {
    case 'int':
      return type.bits === 64 ? String(value) : value
    case 'float':
      return Number.isFinite(value) ? value : null
    case 'date':
    case 'date32':
      return (value as Date).toISOString().slice(0, 10)
    case 'datetime':
      return dateText(value as Date, 0, type.timezone)
    case 'datetime64':
      return dateText(value as Date, type.scale, type.timezone)
    case 'nullable':
      return toJsonValue(type.of, value)
    case 'array':
      return (value as unknown[]).map((element) => toJsonValue(type.of, element))
    case 'tuple': {
      const object = value as Record<string, unknown>
      return Object.fromEntries(type.names.map((name, i) => [name, toJsonValue(type.of[i]!, object[name])]))
    }
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, element]) => [key, toJsonValue(type.value, element)]),
      )
    default:
      return value
  }
}

/** The way back: integers and floats may come quoted, by us or by the peer. */
export function fromJsonValue(type: ValueType, value: unknown): unknown {
  switch (type.kind) {
    case 'int':
      return typeof value === 'string' && /^-?\d+$/.test(value) ? BigInt(value) : value
    case 'float':
      return typeof value === 'string' && value !== '' ? Number(value) : value
    case 'nullable':
      return value === null ? null : fromJsonValue(type.of, value)
    case 'array':
      return Array.isArray(value) ? value.map((element) => fromJsonValue(type.of, element)) : value
    case 'tuple': {
      if (typeof value !== 'object' || value === null) return value
      if (Array.isArray(value)) return value.map((element, i) => fromJsonValue(type.of[i]!, element))
      const object = value as Record<string, unknown>
      return Object.fromEntries(type.names.map((name, i) => [name, fromJsonValue(type.of[i]!, object[name])]))
    }
    case 'map':
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value).map(([key, element]) => [key, fromJsonValue(type.value, element)]),
      )
    default:
      return value
  }
}

function dateText(date: Date, scale: number, timezone = 'UTC'): string {
  const fraction =
    scale === 0 ? '' : `.${date.toISOString().slice(20, 23).padEnd(scale, '0').slice(0, scale)}`
  if (timezone === 'UTC') return `${date.toISOString().slice(0, 19).replace('T', ' ')}${fraction}`
  // 'sv-SE' writes 2026-01-02 03:04:05.
  return `${new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' }).format(date)}${fraction}`
}

/** Integers of 16 digits and more become strings, so that JSON.parse does not round them. Strings stay as they are. */
export function quoteLargeIntegers(json: string): string {
  if (!/\d{16}/.test(json)) return json
  return json.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    /^-?\d{16,}$/.test(token) ? `"${token}"` : token,
  )
}
