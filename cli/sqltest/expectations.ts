import type { ColumnInfo } from '../../driver/index.js'
import { compareRows, differenceText, type MatchMode, type TestRow } from './compare.js'
import type { Expectation } from './format.js'

/** An error that a test ran into, or that a view has. */
export interface TestError {
  code?: number
  codeName?: string
  message: string
  /** The view that has it; undefined for the query or a step. */
  view?: string
}

export interface Answer {
  rows: TestRow[]
  columns: ColumnInfo[]
}

/** What a test left behind, to be looked at. */
export interface Outcome {
  ask(sql: string): Promise<Answer>
  /** Rows of a relation that came since the test began, with the columns that are named, or all. */
  rowsOf(relation: string, where: string | undefined, columns: readonly string[]): Promise<Answer>
  emitted: Answer
  calls(name: string): TestRow[]
  deadLetters(source: string): Promise<TestRow[] | undefined>
  errors: TestError[]
}

export interface Failure {
  /** `in trending_signals`. */
  what: string
  /** Lines with the difference. */
  detail: string
  /** Where the expectation stands. */
  where?: string
}

/** Subjects whose rows have an order. */
const ORDERED = new Set<string>(['sql', 'emitted'])

/** Looks whether an expectation came true; undefined when it did. */
export async function check(
  expected: Expectation,
  outcome: Outcome,
): Promise<Omit<Failure, 'where'> | undefined> {
  if (expected.error !== undefined) return checkError(expected.error, outcome.errors)
  const { subject, answer } = await answerFor(expected, outcome)
  if (!answer) return { what: subject, detail: 'the target does not tell what was refused' }
  const { rows, columns } = answer
  if (expected.count && (rows.length < expected.count.min || rows.length > expected.count.max)) {
    const some = rows
      .slice(0, 5)
      .map((row): { kind: 'unexpected'; actual: TestRow } => ({ kind: 'unexpected', actual: row }))
    return {
      what: subject,
      detail: `${rows.length} rows instead of ${expected.count.text}\n${differenceText(some, [])}`.trimEnd(),
    }
  }
  if (!expected.rows) return undefined
  const kind = Object.keys(expected).find((key) => ORDERED.has(key))
  const mode: MatchMode = expected.match ?? (kind ? 'exact' : 'unordered')
  const differences = compareRows({
    expected: expected.rows,
    actual: rows,
    columns,
    mode,
    tolerance: expected.tolerance ?? 0,
  })
  if (differences.length === 0) return undefined
  return { what: `${subject} (${mode})`, detail: differenceText(differences, namedIn(expected)) }
}

/** Columns that the expected rows name. */
function namedIn({ rows = [] }: Expectation): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))]
}

async function answerFor(
  expected: Expectation,
  outcome: Outcome,
): Promise<{ subject: string; answer: Answer | undefined }> {
  const plain = (rows: TestRow[] | undefined) => rows && { rows, columns: [] }
  if (expected.in !== undefined) {
    const subject = `in ${expected.in}${expected.where === undefined ? '' : ` where ${expected.where}`}`
    return { subject, answer: await outcome.rowsOf(expected.in, expected.where, namedIn(expected)) }
  }
  if (expected.sql !== undefined)
    return { subject: oneLine(expected.sql), answer: await outcome.ask(expected.sql) }
  if (expected.emitted) return { subject: 'emitted', answer: outcome.emitted }
  if (expected.calls !== undefined)
    return { subject: `calls of ${expected.calls}`, answer: plain(outcome.calls(expected.calls)) }
  const source = expected.dead_letters!
  return { subject: `dead letters of ${source}`, answer: plain(await outcome.deadLetters(source)) }
}

function checkError(
  expected: NonNullable<Expectation['error']>,
  errors: readonly TestError[],
): Omit<Failure, 'where'> | undefined {
  const isMeant = ({ code, codeName, message, view }: TestError) =>
    (expected.view === undefined ? view === undefined : view === expected.view) &&
    (expected.code === undefined || expected.code === code || expected.code === codeName) &&
    (expected.message === undefined || message.includes(expected.message))
  if (errors.some(isMeant)) return undefined
  const wanted =
    [expected.code, expected.message].filter((part) => part !== undefined).join(' ') || 'an error'
  const came = errors.map((error) => `+ ${error.view ? `${error.view}: ` : ''}${errorText(error)}`)
  return {
    what: expected.view ? `error of ${expected.view}` : 'error',
    detail: [`- ${wanted}`, ...(came.length > 0 ? came : ['+ no error'])].join('\n'),
  }
}

export function errorText({ code, message }: TestError): string {
  return code ? `Code ${code}: ${message}` : message
}

/** Whether an expectation speaks of this error, so that it does not fail the test by itself. */
export function speaksOf(expected: readonly Expectation[], error: TestError): boolean {
  return expected.some(
    ({ error: one }) => one !== undefined && (one.view === undefined) === (error.view === undefined),
  )
}

function oneLine(sql: string): string {
  const text = sql.trim().replace(/\s+/g, ' ')
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
