import type { CompiledObject } from '../../bootstrap/model.js'
import type { Target } from '../../bootstrap/target.js'
import type { Edition } from '../../dialect/index.js'
import type { ProtonClient } from '../../driver/index.js'
import type { TestCase, TestFile } from './format.js'
import type { TestMessage } from './rows.js'

/** A materialized view that is not well. */
export interface ViewProblem {
  view: string
  error: string
}

/** Where tests run: an engine in this process, or a server. */
export interface Bench {
  readonly edition: Edition
  readonly client: ProtonClient
  /** Brokers as the engine reaches them. */
  readonly brokers: string
  /** They are the development ones, without TLS and users. */
  readonly plainBrokers: boolean
  /** How the others are spoken to, where the target says so. */
  readonly kafka?: Target['kafka']
  /** Functions have no database. Which ones get names of their own: remote ones, whose answers differ, or all. */
  readonly ownFunctions: 'remote' | 'all'
  /** How many tests may run at once. */
  readonly slots: number
  /** A word that makes names on a shared server ours alone. */
  readonly prefix: string
  /** Why a test cannot run here, or undefined. */
  cannot(file: TestFile, test: TestCase): string | undefined
  createTopic(topic: string): Promise<void>
  produce(topic: string, messages: readonly TestMessage[]): Promise<void>
  /**
   * Waits until everything that came in has gone through the views of a database, or some view cannot go on.
   * `patient`: as long as a view tries again it is waited for.
   * @throws UserError TEST_UNSETTLED
   */
  settle(database: string, options: { patient: boolean; signal: AbortSignal }): Promise<void>
  /** Moves the clock of a database on. @throws UserError TEST_NEEDS_CLOCK */
  advance(database: string, ms: number): Promise<void>
  /** What is wrong with the views of a database. */
  problems(database: string): Promise<ViewProblem[]>
  /** Materialized views of a database that rows have reached; undefined where the engine does not tell. */
  reached(database: string): Promise<ReadonlySet<string> | undefined>
  /** Messages and rows that were refused; undefined where the engine does not tell. */
  deadLetters(database: string, source: string): Promise<Record<string, unknown>[] | undefined>
  /** Tests are done with a database of these objects. Afterwards nothing in it calls functions; what else runs ends soon. */
  release(database: string, objects: readonly CompiledObject[]): Promise<void>
  /** Takes away what released databases left, so that a long run does not pile it up. */
  sweep(): Promise<void>
  close(): Promise<void>
}
