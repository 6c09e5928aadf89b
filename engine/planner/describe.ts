import { fromClickHouseType, printType } from '../../dialect/index.js'
import type { Chdb, OutputColumn } from '../contracts.js'
import { respell } from './respell.js'
import type { Translated } from './translate/env.js'

/** Names and types of a query's columns, asked from the store. `text` is the user's query, for errors. */
export async function describeQuery(
  chdb: Chdb,
  translated: Translated,
  text?: string,
): Promise<OutputColumn[]> {
  try {
    const described = await chdb.describe(translated.sql)
    return described.map(({ name, type }, i) => ({
      name: translated.columns[i] ?? name,
      type: printType(fromClickHouseType(flatType(type))),
      chType: flatType(type),
    }))
  } catch (error) {
    throw respell(error, text)
  }
}

/** The store prints long tuple types over several lines. */
function flatType(type: string): string {
  return type.replace(/\n\s*/g, '')
}
