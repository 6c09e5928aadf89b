import { z } from 'zod'
import { readYamlFile } from '../yaml_file.js'

/** A duration of the file: `30s`, `10m`, `2h`, `1d`; milliseconds inside. */
const duration = z.string().transform((text, context) => {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text)
  if (!match) {
    context.addIssue({
      code: 'custom',
      message: `"${text}" is not a duration: write 500ms, 30s, 10m, 2h or 1d`,
    })
    return z.NEVER
  }
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 'ms']
})

export interface RowCount {
  min: number
  max: number
  text: string
}

/** `>= 10`, `= 10`, `10`, `between 1 and 500`. */
const rowCount = z.union([z.string(), z.number()]).transform((raw, context): RowCount => {
  const text = String(raw).trim()
  const single = /^(>=|=)?\s*(\d+)$/.exec(text)
  if (single) {
    const min = Number(single[2])
    return { min, max: single[1] === '>=' ? Number.POSITIVE_INFINITY : min, text }
  }
  const between = /^between\s+(\d+)\s+and\s+(\d+)$/i.exec(text)
  if (between) return { min: Number(between[1]), max: Number(between[2]), text }
  context.addIssue({
    code: 'custom',
    message: `"${text}" is no row count: write ">= 10", "= 10" or "between 1 and 500"`,
  })
  return z.NEVER
})

const identifier = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$/, 'not a name')
const columns = z.union([identifier.transform((name) => [name]), z.array(identifier).min(1)])

const check = z.strictObject({
  view: identifier,
  rows: rowCount.optional(),
  freshness: z.strictObject({ column: identifier, within: duration }).optional(),
  unique: columns.optional(),
  not_null: columns.optional(),
})

const smokeFile = z.strictObject({
  deadline: duration.default(30_000),
  checks: z.array(check).min(1),
})

export type SmokeFile = z.infer<typeof smokeFile>

/** One question to the target and the answer that passes. */
export interface SmokeCase {
  view: string
  /** `trending_signals: rows >= 1`. */
  title: string
  /** Gives one number, in table mode. */
  sql: string
  passes(value: number): boolean
  /** What is missing, for a value that does not pass. */
  explain(value: number): string
}

/** Reads and checks `tests/smoke.yaml`; errors name file, line and column. */
export function readSmokeFile(path: string): SmokeFile {
  return readYamlFile(path, smokeFile, {
    code: 'SMOKE_FILE',
    what: 'the smoke checks',
    suggestion: 'create it, or name another one: tpctl smoke --file <path>',
  }).value
}

/** The questions of a file, in its order. */
export function smokeCases(file: SmokeFile): SmokeCase[] {
  return file.checks.flatMap(casesOf)
}

function casesOf(check: SmokeFile['checks'][number]): SmokeCase[] {
  const { view } = check
  const cases: SmokeCase[] = []
  if (check.rows) {
    const { min, max, text } = check.rows
    cases.push({
      view,
      title: `${view}: rows ${text}`,
      sql: `SELECT count() AS value FROM ${view}`,
      passes: (n) => n >= min && n <= max,
      explain: (n) => (n < min ? `has ${n} rows, ${min - n} missing` : `has ${n} rows, ${n - max} too many`),
    })
  }
  if (check.freshness) {
    const { column, within } = check.freshness
    cases.push({
      view,
      title: `${view}: ${column} within ${within / 1000} s`,
      sql: `SELECT date_diff('second', max(${column}), now()) AS value FROM ${view}`,
      passes: (seconds) => seconds * 1000 <= within,
      explain: (seconds) => `newest ${column} is ${seconds} s old, ${within / 1000} s allowed`,
    })
  }
  if (check.unique) {
    const keys = check.unique.join(', ')
    cases.push({
      view,
      title: `${view}: unique (${keys})`,
      sql: `SELECT count() AS value FROM (SELECT ${keys} FROM ${view} GROUP BY ${keys} HAVING count() > 1)`,
      passes: (n) => n === 0,
      explain: (n) => `${n} keys stand in more than one row`,
    })
  }
  for (const column of check.not_null ?? []) {
    cases.push({
      view,
      title: `${view}: ${column} not null`,
      sql: `SELECT count_if(is_null(${column})) AS value FROM ${view}`,
      passes: (n) => n === 0,
      explain: (n) => `${n} rows have no ${column}`,
    })
  }
  return cases
}
