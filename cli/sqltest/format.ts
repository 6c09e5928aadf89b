import { z } from 'zod'
import { readYamlFile, type YamlFile } from '../yaml_file.js'

const name = z.string().min(1)
const sql = z.string().min(1)

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const duration = z
  .string()
  .regex(/^\d+(ms|s|m|h|d)$/, 'write a duration such as 500ms, 30s, 10m, 2h or 1d')
  .transform((text) => {
    const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text)!
    return Number(amount) * DURATION_UNITS[unit as keyof typeof DURATION_UNITS]
  })
  .describe('500ms, 30s, 10m, 2h or 1d')

const instant = z
  .string()
  .refine((text) => !Number.isNaN(Date.parse(asUtc(text))), 'write a time such as 2026-01-31 12:00:00')
  .transform((text) => Date.parse(asUtc(text)))
  .describe('2026-01-31 12:00:00, UTC unless it says otherwise')

function asUtc(text: string): string {
  const iso = text.trim().replace(' ', 'T')
  const dated = iso.includes('T') ? iso : `${iso}T00:00:00`
  return /(Z|[+-]\d\d:?\d\d)$/.test(dated) ? dated : `${dated}Z`
}

const row = z.record(z.string(), z.unknown()).describe('column: value')

/** How a generated column gets its values; without one they are random values of its type. */
const generatedColumn = z.union([
  z.strictObject({ value: z.unknown() }).describe('always the same'),
  z.strictObject({ pick: z.array(z.unknown()).min(1) }).describe('one of these, at random'),
  z.strictObject({ cycle: z.array(z.unknown()).min(1) }).describe('these, one after the other'),
  z.strictObject({ sequence: z.number(), step: z.number().default(1) }).describe('counted from here'),
  z.strictObject({ between: z.tuple([z.number(), z.number()]) }).describe('a number of this range'),
])

const generate = z.strictObject({
  rows: z.int().min(1).max(1_000_000),
  seed: z.int().default(1).describe('the same seed gives the same rows'),
  columns: z.record(name, generatedColumn).default({}),
})

const message = z.union([
  z.string().describe('the text of the message, whether or not it can be parsed'),
  z.strictObject({
    value: z.unknown().describe('text, or an object that is written as JSON'),
    key: z.string().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    at: instant.optional(),
  }),
])

/** One source of rows of a step. */
const DATA = ['rows', 'csv', 'ndjson', 'file', 'generate', 'messages'] as const

const step = z
  .strictObject({
    stream: name
      .optional()
      .describe('stream that gets rows; of an external stream, its topic gets them as messages'),
    rows: z.array(row).min(1).optional(),
    csv: z.string().optional().describe('rows as CSV with a header'),
    ndjson: z.string().optional().describe('rows as JSON objects, one a line'),
    file: z.string().optional().describe('a .csv, .ndjson or .jsonl file beside the test'),
    generate: generate.optional(),
    messages: z.array(message).min(1).optional().describe('messages for the topic of an external stream'),
    at: instant.optional().describe('event time of the rows (_tp_time, or the time of the messages)'),
    every: duration.optional().describe('event time between one row and the next'),
    sql: sql.optional().describe('statements to run'),
    advance: duration.optional().describe('moves the clock of periods and timeouts on'),
  })
  .check((context) => {
    const { stream, sql, advance, ...rest } = context.value
    const given = [stream, sql, advance].filter((value) => value !== undefined)
    const data = DATA.filter((key) => rest[key] !== undefined)
    const complain = (text: string) =>
      context.issues.push({ code: 'custom', message: text, input: context.value, path: [] })
    if (given.length !== 1) complain('a step has one of stream, sql and advance')
    else if (stream !== undefined && data.length !== 1)
      complain(`a stream step has one of ${DATA.join(', ')}`)
    else if (stream === undefined && data.length > 0) complain(`${data[0]} needs a stream`)
    if (rest.every !== undefined && rest.at === undefined) complain('every needs at')
  })

/** `3`, `>= 3`, `<= 10`, `between 1 and 5`. */
const count = z
  .union([
    z.int().min(0),
    z
      .string()
      .regex(
        /^((>=|<=|=)?\s*\d+|between\s+\d+\s+and\s+\d+)$/i,
        'write 3, ">= 3", "<= 10" or "between 1 and 5"',
      ),
  ])
  .transform((raw) => {
    const text = String(raw)
    const between = /^between\s+(\d+)\s+and\s+(\d+)$/i.exec(text)
    if (between) return { min: Number(between[1]), max: Number(between[2]), text }
    const [, sign, number] = /^(>=|<=|=)?\s*(\d+)$/.exec(text)!
    const value = Number(number)
    return {
      min: sign === '<=' ? 0 : value,
      max: sign === '>=' ? Number.POSITIVE_INFINITY : value,
      text,
    }
  })

const error = z.strictObject({
  code: z.union([z.int(), z.string()]).optional().describe("Proton's number or name: 60 or UNKNOWN_STREAM"),
  message: z.string().optional().describe('part of the text'),
  view: name.optional().describe('the materialized view that fails; else the query or step that does'),
})

const SUBJECTS = ['in', 'sql', 'emitted', 'dead_letters', 'calls', 'error'] as const

const expectation = z
  .strictObject({
    in: name.optional().describe('rows of a stream, of a view, or of the target of a materialized view'),
    where: sql.optional().describe('condition on the rows of `in`'),
    sql: sql.optional().describe('rows of a bounded query'),
    emitted: z.literal(true).optional().describe("rows that the test's streaming query emitted, in order"),
    dead_letters: name.optional().describe('what an external stream or a view refused'),
    calls: name.optional().describe('arguments that a remote function was called with'),
    error: error.optional(),
    rows: z.array(row).optional(),
    match: z
      .enum(['exact', 'unordered', 'subset', 'any', 'none'])
      .optional()
      .describe(
        'exact: these rows in this order; unordered: these rows; subset: these and maybe others; any: one of these; none: none of these',
      ),
    count: count.optional(),
    tolerance: z.number().min(0).optional().describe('how far a number may be off'),
  })
  .check((context) => {
    const expected = context.value
    const subjects = SUBJECTS.filter((key) => expected[key] !== undefined)
    const complain = (text: string) =>
      context.issues.push({ code: 'custom', message: text, input: context.value, path: [] })
    if (subjects.length !== 1) complain(`an expectation has one of ${SUBJECTS.join(', ')}`)
    else if (expected.error === undefined && expected.rows === undefined && expected.count === undefined)
      complain('say what is expected: rows or count')
    if (expected.where !== undefined && expected.in === undefined) complain('where needs in')
  })

/** Answers of a remote function in place of the gateway. */
const stub = z.strictObject({
  answers: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('by first argument: text, or an object that is given as JSON'),
  otherwise: z.unknown().optional().describe('for all other arguments; default: the recorded provider'),
  status: z.int().min(400).max(599).optional().describe('fail with this HTTP status instead'),
})

const test = z.strictObject({
  name,
  query: sql.optional().describe('a streaming query that runs while rows arrive'),
  stubs: z.record(name, stub).default({}),
  given: z.array(step).default([]),
  expect: z.array(expectation).min(1),
})

export const testFile = z
  .strictObject({
    variables: z
      .record(name, z.union([z.string(), z.number(), z.boolean()]))
      .default({})
      .describe('values of ${NAME}s, over those of the config'),
    stubs: z.record(name, stub).default({}).describe('for all tests of the file'),
    given: z.array(step).default([]).describe('before the steps of each test'),
    shared: z
      .boolean()
      .default(false)
      .describe(
        'the tests go one after the other through the same views, and `given` once before them: faster, and each sees only rows that came since it began',
      ),
    tests: z.array(test).min(1),
  })
  .describe('Tests of a tpctl project: rows in, rows out')

export type TestFile = z.output<typeof testFile>
export type TestCase = z.output<typeof test>
export type Step = z.output<typeof step>
export type Expectation = z.output<typeof expectation>
export type Stub = z.output<typeof stub>
export type Generate = z.output<typeof generate>
export type Count = z.output<typeof count>

/** @throws UserError TEST_FILE_MISSING, TEST_FILE_INVALID */
export function readTestFile(path: string, shownAs: string): YamlFile<TestFile> {
  return readYamlFile(path, testFile, {
    code: 'TEST_FILE',
    what: 'the tests',
    suggestion: 'Name a file that is there: tpctl test [files…]',
    shownAs,
  })
}
