import type { Statement } from '../dialect/index.js'
import type { Edition, TopicConfig } from './config.js'
import type { DeployedKind, ObjectKey } from './kinds.js'
import type { OutsideJob } from './outside.js'
import type { AsideNote, DeploymentNote, HandoverNote, RebuildNote } from './replace/note.js'
import type { ReplaceTask } from './replace/task.js'
import type { Way } from './replace/way.js'

export { type DeployedKind, type ObjectKey, objectKey } from './kinds.js'

/** An object as it is to be created on one edition. */
export interface CompiledObject {
  key: ObjectKey
  name: string
  kind: DeployedKind
  statement: Statement
  /** Canonical text of `statement`, secrets included: for the engine's eyes only. */
  sql: string
  /** The same for everybody: secrets hidden, those of variables and those that the file writes out. */
  hiddenSql: string
  /** Of the canonical text: formatting and comments do not change it. */
  hash: string
  /** Of the values of secrets in it, in their order; empty without any. */
  secretsHash: string
  dependsOn: ObjectKey[]
  /** `sql/streams/trending.sql:9`, or the module and name of a function. */
  source: string
  /** What lowering changed or left out, for a reader. */
  notes: string[]
  /** `-- @replace way` before its statement: how it is to be replaced. */
  replace?: Way
}

/** A project compiled for an edition: everything that must exist, in an order in which it can be created. */
export interface Deployment {
  project: string
  edition: Edition
  database: string
  objects: CompiledObject[]
  /** Tasks and alerts that the edition lacks: `tpctl run-tasks` and `tpctl run-alerts` run them. */
  outside: OutsideJob[]
  topics: TopicConfig[]
  secrets: Secrets
  /** Objects of files that wait for a variable: what is there of them stays as it is. */
  leftOut: ObjectKey[]
}

/** The values of secret variables. */
export interface Secrets {
  /** Hides them in any text. */
  redact(text: string): string
  /** Those that stand in a text, in their order. */
  foundIn(text: string): string[]
}

/** What the engine holds of an object. */
export interface LiveObject {
  key: ObjectKey
  name: string
  kind: DeployedKind
  /** The text the engine shows for it, with what looks like a secret hidden, and the hash of the whole. */
  shown: string
  shownHash: string
}

/** What an earlier deployment wrote down about an object. */
export interface LedgerEntry {
  key: ObjectKey
  name: string
  kind: DeployedKind
  /** `create`, `replace`, `alter`, `drop`: done. `creating`, `replacing`, `altering`, `dropping`: begun, outcome unknown. */
  action: string
  sqlHash: string
  /** Empty as long as the outcome is unknown. */
  shownHash: string
  /** Canonical text that was applied, secrets hidden. */
  sql: string
  secretsHash: string
  /** What the engine showed after that, secrets hidden; empty in entries of before this was kept. */
  shown: string
  deployment: string
  /** Milliseconds since 1970. */
  appliedAt: number
}

/** The state of a target, as far as a plan needs it. */
export interface Live {
  objects: Map<ObjectKey, LiveObject>
  ledger: Map<ObjectKey, LedgerEntry>
  /** Names of all streams and views. */
  relations: ReadonlySet<string>
  /** Views that were stopped for others to go on, by their names. */
  handovers: ReadonlyMap<string, HandoverNote>
  /** Streams whose rows are under another name, to be copied back. */
  asides: ReadonlyMap<string, AsideNote>
  /** The last time that new versions were made beside old ones. */
  rebuild?: RebuildNote
  /** What the last apply changed. */
  deployment?: DeploymentNote
}

/** `safe`: nothing is lost. `rebuilds`: a view or an alert starts over and loses its state. `destructive`: stored rows are lost. */
export type Risk = 'safe' | 'rebuilds' | 'destructive'
export type Action = 'create' | 'unchanged' | 'alter' | 'replace' | 'drop'

/**
 * How a change reaches the target. `in_place`: by a statement that leaves rows and state alone. `alter`: by ALTER.
 * `replacement`: the object is made anew, and what it held is carried over or derived again. `destructive`: only by
 * losing rows.
 */
export type How = 'in_place' | 'alter' | 'replacement' | 'destructive'

/** What a change costs, as far as it was measured; rows are counted only where a change touches them. */
export interface Cost {
  /** Stored rows that are gone afterwards. */
  rowsLost?: number
  /** Rows of the sources that views would have to read again to hold what they hold now. */
  rowsToBackfill?: number
}

/** The way in which an object is replaced, and why that one. */
export interface Strategy {
  name: string
  reason: string
}

export interface Change {
  key: ObjectKey
  name: string
  kind: DeployedKind
  action: Action
  /** Undefined where nothing is to be done. */
  how?: How
  risk: Risk
  reason: string
  /** Somebody else's hand: what the engine holds is not what was applied, or tpctl did not make it. */
  drift: boolean
  source?: string
  /** Canonical SQL, secrets hidden: as it was applied, and as it is to be. */
  before?: string
  after?: string
  /** With drift: what the engine showed after the last apply, if that was kept, and what it shows now. */
  known?: string
  found?: string
  cost: Cost
  /** Views that stand on it and must follow, in the order in which they do. */
  downstream: ObjectKey[]
  /** Positions of its steps among the plan's operations, from 1. */
  steps: number[]
  /** With `replacement`. */
  strategy?: Strategy
}

/** A task or an alert that runs outside of the target. */
export interface OutsideNote {
  kind: 'task' | 'alert'
  name: string
  /** `run-tasks`, or `run-alerts`. */
  command: string
}

/** One thing to do, in order. `record` only writes down what an interrupted apply had done already. */
export interface Operation {
  key: ObjectKey
  name: string
  kind: DeployedKind
  type: 'create' | 'alter' | 'drop' | 'record' | 'forget' | 'replace'
  /** To be run one after the other; secrets included. */
  statements: string[]
  object?: CompiledObject
  /**
   * Of a view that is dropped and created: where the new one goes on, and the sources in which it has a place. What the
   * drop writes down holds for the creation.
   */
  handover?: { sources: string[]; from: 'where it stops' | 'the beginning' }
  /** Of a stream: its rows are moved aside instead of dropped, and copied into the one that is created. */
  aside?: boolean
  /** With `replace`. */
  task?: ReplaceTask
}

export interface Plan {
  project: string
  edition: Edition
  /** Every object of the project in creation order, then what is to be dropped. */
  changes: Change[]
  operations: Operation[]
  /** What an earlier apply left half done, and what is done about it. */
  notices: string[]
  /** What the edition lacks and a command of tpctl does from outside: no part of what is to be done here. */
  outside: OutsideNote[]
  /** Nothing to do. */
  empty: boolean
  /** Needs `--allow-destructive`. */
  destructive: boolean
  /** Needs `--overwrite-drift`, or `tpctl adopt` before. */
  drifted: boolean
  secrets: Secrets
}
