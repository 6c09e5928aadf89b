import {
  type CreateStream,
  createdObject,
  type Drop,
  type Edition,
  type ObjectKind,
  parseStatement,
  parseStatements,
  printStatement,
  type Statement,
} from '../dialect/index.js'
import { fingerprint } from './fingerprint.js'
import { type LedgerEntry, type ObjectKey, objectKey } from './model.js'
import { needsOf } from './needs.js'

/** The statements of a script with the offsets they begin at. @throws SqlSyntaxError */
export function parseScript(text: string, file: string): { statement: Statement; start: number }[] {
  return parseStatements(text, { file }).map(({ statement, span }) => ({ statement, start: span.start }))
}

/** Kinds that show up in `system.tables` or `system.functions`, so that what was done can be read back. */
const DEPLOYABLE = new Set<ObjectKind>([
  'stream',
  'external_stream',
  'external_table',
  'random_stream',
  'view',
  'materialized_view',
  'function',
  'dictionary',
])

/** What a statement creates, if that is something a project can hold; what the parser does not know is a `table`. */
export function deployableObject(statement: Statement): { kind: ObjectKind; name: string } | undefined {
  const created = createdObject(statement)
  if (!created) return undefined
  const { name } = created.name
  if (created.kind === 'unknown') return { kind: 'table', name }
  return DEPLOYABLE.has(created.kind) ? { kind: created.kind, name } : undefined
}

/** Canonical text in the spelling of an edition, ready to be sent. */
export function statementText(statement: Statement, edition: Edition): string {
  return printStatement(statement, { edition })
}

/**
 * Hash of what a statement means: comments in it, and whether it says IF NOT EXISTS or OR REPLACE, make no
 * difference.
 */
export function statementHash(statement: Statement, edition: Edition): string {
  return fingerprint(statementText(bare(statement), edition))
}

function bare(statement: Statement): Statement {
  if (!statement.kind.startsWith('create_')) return statement
  const plain = { ...(statement as CreateStream), ifNotExists: false, orReplace: false, comment: undefined }
  if (!plain.columns) return plain
  return { ...plain, columns: plain.columns.map((column) => ({ ...column, comment: undefined })) }
}

/** The text that replaces a view or function in place. */
export function createOrReplace(statement: Statement, edition: Edition): string {
  if (statement.kind !== 'create_view' && statement.kind !== 'create_function')
    return statementText(statement, edition)
  return statementText({ ...statement, orReplace: true, ifNotExists: false }, edition)
}

/** What DROP calls an object: Proton has no words of their own for most kinds. */
const DROPPED_AS: Partial<Record<ObjectKind, Drop['object']>> = {
  view: 'view',
  materialized_view: 'view',
  function: 'function',
  dictionary: 'dictionary',
}

export function dropStatement(kind: ObjectKind, name: string): string {
  return printStatement({
    kind: 'drop',
    object: DROPPED_AS[kind] ?? 'stream',
    names: [{ name }],
    ifExists: true,
  })
}

/** What an earlier apply did, as a tree; undefined where this parser cannot read it. */
export function parsedEntry(
  entry: LedgerEntry,
): { statement: Statement; dependsOn: ObjectKey[] } | undefined {
  try {
    const statement = parseStatement(entry.sql)
    const { relations, functions } = needsOf(statement)
    return {
      statement,
      dependsOn: [
        ...relations.map(({ name }) => name),
        ...functions.map((name) => objectKey('function', name)),
      ],
    }
  } catch {
    return undefined
  }
}
