import { createHash } from 'node:crypto'
import type { Statement } from './ast.js'
import { printStatement } from './printer/index.js'

/** SHA-256, in hex, of the statement's canonical text: formatting and comments do not change it. */
export function hashStatement(statement: Statement): string {
  return createHash('sha256').update(printStatement(statement)).digest('hex')
}
