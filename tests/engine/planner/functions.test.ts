/**
 * Every function, type and setting that a 1.6.1 server lists either is there or ends in an error that says so.
 * Skipped where the lists are absent.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  isAggregateFunction,
  parseType,
  toClickHouseFunction,
  toClickHouseType,
} from '../../../dialect/index.js'
import { EngineError } from '../../../engine/errors.js'
import { allowedFunction } from '../../../engine/planner/translate/functions.js'
import { SPECIAL } from '../../../engine/planner/translate/special.js'
import { WINDOW_FUNCTIONS } from '../../../engine/planner/translate/window_functions.js'
import { checkQuerySettings } from '../../../engine/statements/settings.js'
import { openStore, type TestStore } from './support.js'

const LISTS = fileURLToPath(new URL('../../../../shared/proton/real-1.6.1/', import.meta.url))
const present = existsSync(LISTS)
if (!present) console.log(`lists of 1.6.1 skipped: ${LISTS} is not there`)

function listed(file: string): string[][] {
  if (!present) return []
  const lines = readFileSync(join(LISTS, file), 'utf8').trim().split('\n').slice(1)
  return lines.map((line) => line.split('\t'))
}

/** Functions of the server that was asked: its user had defined them. */
const ITS_OWN = /^(?:f\d|g1|h1)$/
const COMBINATOR = /(?:If|Array|Map|State|Merge|OrNull|OrDefault|Distinct|Retract)$/

describe.skipIf(!present)('what a 1.6.1 server lists', () => {
  let store: TestStore
  beforeAll(async () => {
    store = await openStore()
  })
  afterAll(() => store?.close())

  it('functions: none is unknown, here or in the store', async () => {
    const rows = await store.chdb.rows<[string]>('SELECT name FROM system.functions')
    const inStore = new Set(rows.map(([name]) => name.toLowerCase()))
    const unknown: string[] = []
    for (const [name] of listed('system-functions.tsv')) {
      const lower = name!.toLowerCase()
      if (ITS_OWN.test(lower) || lower in SPECIAL || WINDOW_FUNCTIONS.has(lower)) continue
      try {
        const store = isAggregateFunction(lower) ? toClickHouseFunction(lower) : allowedFunction(name!)
        const known = [store, store?.replace(COMBINATOR, '')].some(
          (n) => n === undefined || inStore.has(n.toLowerCase()),
        )
        if (!known) unknown.push(name!)
      } catch (cause) {
        if (!(cause instanceof EngineError && cause.code === 48)) unknown.push(name!)
      }
    }
    expect(unknown).toEqual([])
  })

  it('types: a column can be of each', async () => {
    const examples: Record<string, string> = {
      array: 'array(int)',
      map: 'map(string, int)',
      tuple: 'tuple(int, string)',
      nullable: 'nullable(int)',
      low_cardinality: 'low_cardinality(string)',
      decimal: 'decimal(10, 2)',
      datetime64: 'datetime64(3)',
      fixed_string: 'fixed_string(3)',
      nested: 'nested(a int, b string)',
      aggregate_function: 'aggregate_function(sum, int)',
      simple_aggregate_function: 'simple_aggregate_function(sum, int64)',
    }
    const columns = listed('system-data-types.tsv')
      .map(([name]) => name!)
      .filter((name) => name !== 'nothing')
      .map((name, i) => `c${i} ${toClickHouseType(parseType(examples[name] ?? fullType(name)))}`)
    await store.chdb.run(`CREATE TABLE default.types (${columns.join(', ')}) ENGINE = Memory`)
  })

  it('settings: none is unknown', () => {
    for (const [name] of listed('system-settings.tsv')) checkQuerySettings({ [name!]: '1' })
  })
})

function fullType(name: string): string {
  if (/^decimal\d/.test(name)) return `${name}(2)`
  return /^enum/.test(name) ? `${name}('a' = 1)` : name
}
