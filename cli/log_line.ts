import type { Painter } from './output.js'

const NAMES: Record<number, { name: string; style?: 'red' | 'yellow' | 'dim' }> = {
  10: { name: 'trace', style: 'dim' },
  20: { name: 'debug', style: 'dim' },
  30: { name: 'info' },
  40: { name: 'warn', style: 'yellow' },
  50: { name: 'error', style: 'red' },
  60: { name: 'fatal', style: 'red' },
}
/** Fields that the line shows by itself. */
const SHOWN = new Set(['level', 'time', 'name', 'msg', 'pid', 'hostname'])

/**
 * A line of a log for people: pino's JSON as time, level, message and fields; any other text as it is. Undefined below
 * the level that is asked for.
 */
export function renderLogLine(line: string, minimum: number, color: Painter): string | undefined {
  let entry: Record<string, unknown>
  try {
    entry = JSON.parse(line) as Record<string, unknown>
  } catch {
    return line
  }
  if (typeof entry !== 'object' || entry === null || typeof entry.level !== 'number') return line
  if (entry.level < minimum) return undefined
  const { name, style } = NAMES[entry.level] ?? { name: String(entry.level) }
  const level = name.padEnd(5)
  const fields = Object.entries(entry)
    .filter(([key]) => !SHOWN.has(key))
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const text = `${String(entry.msg ?? '')}${fields.join('')}`
  return `${String(entry.time ?? '')} ${style ? color(style, level) : level} ${text}`
}
