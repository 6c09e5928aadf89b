import type { Setting } from '../ast.js'
import type { Cursor } from './cursor.js'
import { parseExpr } from './expressions.js'

/** `name = value, …`. */
export function parseSettings(c: Cursor): Setting[] {
  return c.list(() => parseSetting(c))
}

export function parseSetting(c: Cursor): Setting {
  const start = c.index
  let name = c.name('setting name')
  while (c.take('.')) name += `.${c.name()}`
  c.expect('=')
  return { name, value: parseExpr(c), span: c.span(start) }
}

/** The settings of a `SETTINGS` clause, if one stands here. */
export function parseSettingsClause(c: Cursor): Setting[] | undefined {
  return c.takeKeyword('SETTINGS') ? parseSettings(c) : undefined
}

/** `[FORMAT f] [SETTINGS …]` behind statements that answer with a table. */
export function parseTail(c: Cursor): { format?: string; settings?: Setting[] } {
  const tail: { format?: string; settings?: Setting[] } = {}
  const before = parseSettingsClause(c)
  if (c.takeKeyword('FORMAT')) tail.format = c.name('format')
  const after = parseSettingsClause(c)
  const settings = [...(before ?? []), ...(after ?? [])]
  if (settings.length > 0) tail.settings = settings
  return tail
}
