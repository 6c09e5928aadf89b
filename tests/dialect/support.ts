import { parseStatement, printStatement, type Statement } from '../../dialect/index.js'

/** A tree without places in the source and ways of writing: what two parses of equal statements share. */
export function bare<T>(tree: T): T {
  const drop = (_key: string, value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    const entries = Object.entries(value).filter(
      ([key]) => !['span', 'dataStart', 'dataEnd', 'inWords'].includes(key),
    )
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  return JSON.parse(JSON.stringify(tree, drop)) as T
}

/** Parses, prints and parses again; returns the canonical text. Throws where the trees differ. */
export function roundTrip(sql: string): { statement: Statement; text: string; again: Statement } {
  const statement = parseStatement(sql)
  const text = printStatement(statement)
  return { statement, text, again: parseStatement(text) }
}
