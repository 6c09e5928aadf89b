import {
  type CreateStream,
  canonicalType,
  createdObject,
  type Drop,
  type Edition,
  parseStatement,
  parseStatements,
  printStatement,
  quoteName,
  type Statement,
} from '../dialect/index.js'
import { accessName, grantsIn, isGrant, plainAccess } from './access.js'
import { fingerprint } from './fingerprint.js'
import { type DeployedKind, traitsOf } from './kinds.js'
import type { LedgerEntry, ObjectKey } from './model.js'
import { neededKeys, needsOf } from './needs.js'

export interface ScriptPart {
  statement: Statement
  /** Offset at which it begins. */
  start: number
  /** What stands between the statement before and this one: comments. */
  preamble: string
}

/** The statements of a script. @throws SqlSyntaxError */
export function parseScript(text: string, file: string): ScriptPart[] {
  const parts = parseStatements(text, { file })
  return parts.map(({ statement, span }, at) => ({
    statement,
    start: span.start,
    preamble: text.slice(parts[at - 1]?.span.end ?? 0, span.start),
  }))
}

/** What a statement creates, if that is something a project can hold; what the parser does not know is a `table`. */
export function deployableObject(statement: Statement): { kind: DeployedKind; name: string } | undefined {
  const created = createdObject(statement)
  if (!created) return undefined
  const { name } = created.name
  if (created.kind === 'unknown') return { kind: 'table', name }
  if (statement.kind === 'access') {
    const own = accessName(statement)
    return own === undefined ? undefined : { kind: created.kind, name: own }
  }
  return traitsOf(created.kind).deployable ? { kind: created.kind, name } : undefined
}

/** Canonical text in the spelling of an edition, ready to be sent. */
export function statementText(statement: Statement, edition: Edition): string {
  return printStatement(statement, { edition })
}

/**
 * Hash of what a statement means: comments in it, how its types are spelled, and whether it says IF NOT EXISTS or
 * OR REPLACE, make no difference.
 */
export function statementHash(statement: Statement, edition: Edition): string {
  return fingerprint(statementText(bare(statement), edition))
}

/** A statement without what says nothing about the object it makes. */
export function bare(statement: Statement): Statement {
  if (statement.kind === 'access') return isGrant(statement) ? statement : plainAccess(statement)
  if (!statement.kind.startsWith('create_')) return statement
  const plain = { ...(statement as CreateStream), ifNotExists: false, orReplace: false, comment: undefined }
  if (!plain.columns) return plain
  return {
    ...plain,
    columns: plain.columns.map(({ type, ...column }) => ({
      ...column,
      ...(type ? { type: canonicalType(type) } : {}),
      comment: undefined,
    })),
  }
}

type Replaceable = Extract<
  Statement,
  { kind: 'create_view' | 'create_function' | 'create_format_schema' | 'create_dictionary' | 'create_task' }
>

/** Kinds whose definition can be replaced by CREATE OR REPLACE without anything else going with it. */
const REPLACEABLE: ReadonlySet<string> = new Set<Replaceable['kind']>([
  'create_view',
  'create_function',
  'create_format_schema',
  'create_dictionary',
  'create_task',
])

export function canReplace(statement: Statement): statement is Replaceable {
  return REPLACEABLE.has(statement.kind)
}

/** The text that replaces a definition in place. */
export function createOrReplace(statement: Replaceable, edition: Edition): string {
  return statementText({ ...statement, orReplace: true, ifNotExists: false }, edition)
}

/** What DROP calls an object: Proton has no words of their own for most relations. */
const DROPPED_AS: Partial<Record<DeployedKind, Drop['object']>> = {
  external_stream: 'stream',
  external_table: 'stream',
  random_stream: 'stream',
  table: 'stream',
  materialized_view: 'view',
}

export function dropStatement(kind: DeployedKind, name: string): string {
  if (kind === 'grant') return `REVOKE ALL ON *.* FROM ${quoteName(name)}`
  if (kind === 'row_policy') return `DROP ROW POLICY IF EXISTS ${name}`
  return printStatement({ kind: 'drop', object: DROPPED_AS[kind] ?? kind, names: [{ name }], ifExists: true })
}

/** What an earlier apply did, as a tree; undefined where this parser cannot read it. */
export function parsedEntry(
  entry: LedgerEntry,
): { statement: Statement; dependsOn: ObjectKey[] } | undefined {
  try {
    const statement = entry.kind === 'grant' ? grantsIn(entry.sql) : parseStatement(entry.sql)
    return { statement, dependsOn: neededKeys(needsOf(statement)) }
  } catch {
    return undefined
  }
}
