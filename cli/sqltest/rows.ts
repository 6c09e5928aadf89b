import { readFileSync } from 'node:fs'
import { dirname, extname, resolve } from 'node:path'
import { parse } from 'csv-parse/sync'
import type { TypeNode } from '../../dialect/index.js'
import { UserError } from '../../dialect/user_error.js'
import type { Step } from './format.js'
import { type GeneratedColumn, type GeneratedRow, generateRows } from './generate.js'

/** A message for a topic. */
export interface TestMessage {
  value: string
  key?: string
  headers?: Record<string, string>
  /** Milliseconds since 1970; default: now. */
  at?: number
}

/** Where a step stands, for its files and its errors. */
export interface StepPlace {
  /** Path of the test file. */
  file: string
  where: string
}

/** The rows of a step with their event times put in, in order. */
export function stepRows(step: Step, columns: readonly GeneratedColumn[], place: StepPlace): GeneratedRow[] {
  const rows = plainRows(step, columns, place)
  return rows.map((row, index) => {
    const at = timeOf(step, index)
    return at === undefined || '_tp_time' in row ? row : { ...row, _tp_time: new Date(at) }
  })
}

/** The same for a topic: rows become JSON messages. */
export function stepMessages(
  step: Step,
  columns: readonly GeneratedColumn[],
  place: StepPlace,
): TestMessage[] {
  const messages = (step.messages ?? plainRows(step, columns, place)).map((message): TestMessage => {
    if (typeof message === 'string') return { value: message }
    if (!step.messages) return { value: JSON.stringify(message) }
    const { value, key, headers, at } = message as Exclude<NonNullable<Step['messages']>[number], string>
    return { value: typeof value === 'string' ? value : JSON.stringify(value), key, headers, at }
  })
  return messages.map((message, index) => ({ ...message, at: message.at ?? timeOf(step, index) }))
}

function timeOf(step: Step, index: number): number | undefined {
  return step.at === undefined ? undefined : step.at + index * (step.every ?? 0)
}

function plainRows(step: Step, columns: readonly GeneratedColumn[], place: StepPlace): GeneratedRow[] {
  if (step.rows) return step.rows
  if (step.csv !== undefined) return csvRows(step.csv, columns)
  if (step.ndjson !== undefined) return ndjsonRows(step.ndjson, place)
  if (step.generate) return generateRows(step.generate, columns)
  return fileRows(step.file!, columns, place)
}

function fileRows(name: string, columns: readonly GeneratedColumn[], place: StepPlace): GeneratedRow[] {
  let text: string
  try {
    text = readFileSync(resolve(dirname(place.file), name), 'utf8')
  } catch (cause) {
    throw new UserError('TEST_DATA_MISSING', `Cannot read the rows in ${name}.`, {
      where: place.where,
      suggestion: 'Paths are relative to the test file.',
      cause,
    })
  }
  return extname(name) === '.csv' ? csvRows(text, columns) : ndjsonRows(text, place)
}

/** Cells become values of their column's type. An empty one takes the column's default. */
function csvRows(text: string, columns: readonly GeneratedColumn[]): GeneratedRow[] {
  const types = new Map(columns.map(({ name, type }) => [name, type]))
  const records = parse(text, { columns: true, bom: true, skip_empty_lines: true, trim: true }) as Record<
    string,
    string
  >[]
  return records.map((record) =>
    Object.fromEntries(
      Object.entries(record)
        .filter(([, cell]) => cell !== '')
        .map(([name, cell]) => [name, cellValue(cell, types.get(name))]),
    ),
  )
}

/** Numbers and times are read from text by the engine; the rest has to be told apart here. */
function cellValue(cell: string, type: TypeNode | undefined): unknown {
  if (cell === '\\N') return null
  const inner = type?.args[0]
  switch (type?.name) {
    case 'nullable':
    case 'low_cardinality':
      return cellValue(cell, inner && 'type' in inner ? inner.type : undefined)
    case 'bool':
    case 'boolean':
      return /^(true|1)$/i.test(cell) ? true : /^(false|0)$/i.test(cell) ? false : cell
    case 'array':
    case 'map':
    case 'tuple':
      try {
        return JSON.parse(cell)
      } catch {
        return cell
      }
    default:
      return cell
  }
}

function ndjsonRows(text: string, place: StepPlace): GeneratedRow[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, index) => {
      try {
        return JSON.parse(line) as GeneratedRow
      } catch (cause) {
        throw new UserError('TEST_DATA_INVALID', `Row ${index + 1} is no JSON object.`, {
          where: place.where,
          detail: line.slice(0, 200),
          suggestion: 'Give messages instead of rows where a text that is not valid is meant.',
          cause,
        })
      }
    })
}
