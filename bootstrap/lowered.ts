import type { Edition, Statement } from '../dialect/index.js'

export function lowered(
  statement: Statement,
  _edition: Edition,
  _where: string,
): { statement: Statement; notes: string[] } {
  return { statement, notes: [] }
}
