import type { Edition, Span, Statement } from '../../dialect/index.js'
import type { DeployedKind } from '../kinds.js'
import type { Project, SourceFile } from '../project.js'
import type { Relations } from './relations.js'

export type Severity = 'error' | 'warning'

/** An object of the project as its author wrote it: before lowering, with its place. */
export interface LintObject {
  name: string
  kind: DeployedKind
  statement: Statement
  /** What the file says up to the object: its comments. */
  head: string
  /** Absent for functions that are rendered from TypeScript. */
  file?: SourceFile
  /** Offset of the statement in the expanded text. */
  start: number
  end: number
  /** The file, for what has no place in SQL. */
  source: string
}

/** What linting needs of a project. */
export interface LintedProject extends Pick<Project, 'files' | 'functions'> {
  target: { edition: Edition }
  config: { secrets: readonly string[] }
}

/** Everything that a rule may look at. */
export interface LintContext {
  edition: Edition
  objects: readonly LintObject[]
  relations: Relations
  /** Variables whose values are never shown. */
  secrets: ReadonlySet<string>
  /** Size of the disk that holds the target's data, where that is known. */
  diskBytes?: number
}

/** What a rule found, before it is known whether somebody allowed it. */
export interface Found {
  object: LintObject
  /** What it is about: the statement's name where there is nothing closer. */
  at?: Span | { span?: Span }
  message: string
  /** What to write instead, where more can be said than the rule's own fix. */
  fix?: string
}

/** A project that shows what a rule is about. */
export interface RuleExample {
  /** Statements, as in a file. */
  sql: string
  edition?: Edition
  diskBytes?: number
  secrets?: readonly string[]
  variables?: Record<string, string>
}

export interface Rule {
  /** Stable: it stands in comments of users. */
  code: string
  severity: Severity
  /** What it finds, in a few words. */
  title: string
  /** Why that is a fault. */
  why: string
  /** What to do. */
  fix: string
  failing: RuleExample
  passing: RuleExample
  check(context: LintContext): Iterable<Found>
}
