import type { ObjectKind, Statement } from '../dialect/index.js'
import type { Edition, TopicConfig } from './config.js'

/**
 * Names an object among all others: `trending` for streams and views, `token_risk_score()` for functions, which
 * have a namespace of their own.
 */
export type ObjectKey = string

export function objectKey(kind: ObjectKind, name: string): ObjectKey {
  return kind === 'function' ? `${name}()` : name
}

/** An object as it is to be created on one edition. */
export interface CompiledObject {
  key: ObjectKey
  name: string
  kind: ObjectKind
  statement: Statement
  /** Canonical text of `statement`, secrets included: for the engine's eyes only. */
  sql: string
  /** Of the canonical text: formatting and comments do not change it. */
  hash: string
  dependsOn: ObjectKey[]
  /** `sql/streams/trending.sql:9`, or the module and name of a function. */
  source: string
  /** What lowering changed or left out, for a reader. */
  notes: string[]
}

/** A project compiled for an edition: everything that must exist, in an order in which it can be created. */
export interface Deployment {
  project: string
  edition: Edition
  database: string
  objects: CompiledObject[]
  topics: TopicConfig[]
  /** Hides the values of secret variables in any text. */
  redact(text: string): string
}

/** What the engine holds of an object. */
export interface LiveObject {
  key: ObjectKey
  name: string
  kind: ObjectKind
  /** Hash of the text the engine shows for it. */
  shownHash: string
}

/** What an earlier deployment wrote down about an object. */
export interface LedgerEntry {
  key: ObjectKey
  name: string
  kind: ObjectKind
  /** `create`, `replace`, `alter`, `drop`: done. `creating`, `replacing`, `altering`, `dropping`: begun, outcome unknown. */
  action: string
  sqlHash: string
  /** Empty as long as the outcome is unknown. */
  shownHash: string
  /** Canonical text that was applied, secrets hidden. */
  sql: string
  deployment: string
  /** Milliseconds since 1970. */
  appliedAt: number
}

/** The state of a target, as far as a plan needs it. */
export interface Live {
  objects: Map<ObjectKey, LiveObject>
  ledger: Map<ObjectKey, LedgerEntry>
}

/** `safe`: nothing is lost. `rebuilds`: a view starts over and loses its state. `destructive`: stored rows are lost. */
export type Risk = 'safe' | 'rebuilds' | 'destructive'
export type Action = 'create' | 'unchanged' | 'alter' | 'replace' | 'drop'

export interface Change {
  key: ObjectKey
  name: string
  kind: ObjectKind
  action: Action
  risk: Risk
  reason: string
  /** What the engine holds is not what was applied. */
  drift: boolean
  source?: string
}

/** One thing to do, in order. `record` only writes down what an interrupted apply had done already. */
export interface Operation {
  key: ObjectKey
  name: string
  kind: ObjectKind
  type: 'create' | 'alter' | 'drop' | 'record' | 'forget'
  /** To be run one after the other; secrets included. */
  statements: string[]
  object?: CompiledObject
}

export interface Plan {
  project: string
  edition: Edition
  /** Every object of the project in creation order, then what is to be dropped. */
  changes: Change[]
  operations: Operation[]
  /** Nothing to do. */
  empty: boolean
  /** Needs `--allow-destructive`. */
  destructive: boolean
  redact(text: string): string
}
