import { traitsOf } from '../../bootstrap/kinds.js'
import type { CompiledObject } from '../../bootstrap/model.js'
import {
  type ColumnDef,
  parseStatement,
  parseStatements,
  printStatement,
  type Statement,
  UserError,
} from '../../dialect/index.js'
import { type InsertRow, ProtonError } from '../../driver/index.js'
import type { Bench } from './bench.js'
import type { Answer, TestError } from './expectations.js'
import type { Step } from './format.js'
import type { FunctionShelf } from './functions.js'
import type { GeneratedColumn } from './generate.js'
import { collectionsOf, createdIn, type Namespace, statementIn, topicIn, topicOf } from './namespace.js'
import type { TestedProject } from './project_cache.js'
import { stepMessages, stepRows } from './rows.js'
import type { StubServer } from './stub_server.js'

export interface SiteSetting extends TestedProject {
  bench: Bench
  stubs: StubServer
  functions: FunctionShelf
  /** Path of the test file. */
  file: string
  /** Tests of one slot go one after the other. */
  slot: string
  /** Unique among the sites of a run. */
  number: number
  signal: AbortSignal
}

/** A step with its place in the file. */
export interface PlacedStep {
  step: Step
  where: string
}

/** Names of what only watches a test begin so: nothing that happens there is the test's. */
export const PROBE_PREFIX = '__probe_'

/** What the client of a killed query is told. */
const CANCELLED = 394

/** A database with the part of a project that a test needs: its objects, topics and functions, nobody else's rows. */
export class Site {
  readonly namespace: Namespace

  constructor(
    readonly setting: SiteSetting,
    readonly objects: readonly CompiledObject[],
  ) {
    const { bench, number, slot, deployment, project, stubs, functions } = setting
    this.namespace = {
      database: `${bench.prefix}t${number}`,
      projectDatabase: project.target.database,
      edition: deployment.edition,
      brokers: bench.brokers,
      plainBrokers: bench.plainBrokers,
      functions: functions.namesIn(slot, deployment),
      collections: collectionsOf(deployment.objects),
      stubUrl: (name) => stubs.url(slot, name),
    }
  }

  /** @throws UserError TEST_DEPLOY */
  async deploy(): Promise<void> {
    const { bench, functions, slot } = this.setting
    const { client } = bench
    const { database } = this.namespace
    await client.exec(`CREATE DATABASE ${database}`)
    const topics = new Set<string>()
    for (const object of this.objects) {
      try {
        // What it holds stands in the streams that name it.
        if (object.kind === 'named_collection') continue
        const sql = createdIn(this.namespace, object)
        if (!traitsOf(object.kind).relation) await functions.ensure(slot, object, sql, client)
        else {
          const topic = topicOf(object.statement, this.namespace)
          if (topic !== undefined && !topics.has(topic))
            await bench.createTopic(topicIn(this.namespace, topic))
          if (topic !== undefined) topics.add(topic)
          await client.exec(sql, { database })
        }
      } catch (error) {
        throw new UserError(
          'TEST_DEPLOY',
          `${object.name} cannot be created: ${this.plain(messageOf(error))}`,
          {
            where: object.source,
            cause: error,
          },
        )
      }
    }
  }

  /** One step, and whatever follows from it. */
  async perform({ step, where }: PlacedStep, patient: boolean): Promise<void> {
    await this.#do(step, where)
    await this.settle(patient)
  }

  settle(patient: boolean): Promise<void> {
    return this.setting.bench.settle(this.namespace.database, { patient, signal: this.setting.signal })
  }

  async #do(step: Step, where: string): Promise<void> {
    const { bench, deployment, file } = this.setting
    const { database } = this.namespace
    if (step.advance !== undefined) return bench.advance(database, step.advance)
    if (step.sql !== undefined) {
      for (const { statement } of parseStatements(step.sql))
        await bench.client.exec(this.#print(statement), { database })
      return
    }
    const object = deployment.objects.find(({ name, kind }) => name === step.stream && kind !== 'function')
    const columns = columnsOf(object?.statement)
    const topic = object && topicOf(object.statement, this.namespace)
    if (topic !== undefined)
      return bench.produce(topicIn(this.namespace, topic), stepMessages(step, columns, { file, where }))
    if (step.messages)
      throw new UserError(
        'TEST_NO_TOPIC',
        `${step.stream} is no external stream: it takes rows, not messages.`,
        {
          where,
        },
      )
    const rows = stepRows(step, columns, { file, where })
    await bench.client.insert(step.stream!, rows as InsertRow[], { database })
  }

  /** Rows of a bounded query in the project's words. */
  async ask(sql: string): Promise<Answer> {
    const { bench } = this.setting
    const { database } = this.namespace
    const { batches, columns } = await bench.client.query(this.#print(parseStatement(sql)), {
      mode: 'table',
      database,
    })
    const rows: Answer['rows'] = []
    for await (const batch of batches) rows.push(...batch)
    return { rows, columns: await columns }
  }

  /** Begins a streaming query; `stop` gives what it emitted until then. */
  async listen(sql: string): Promise<{ stop(): Promise<Answer> }> {
    const { bench, signal } = this.setting
    const { database } = this.namespace
    const query = await bench.client.query(this.#print(parseStatement(sql)), {
      mode: 'stream',
      database,
      signal,
    })
    const emitted: Answer = { rows: [], columns: [] }
    const listening = (async () => {
      for await (const batch of query.batches) emitted.rows.push(...batch)
    })()
    listening.catch(() => {})
    return {
      stop: async () => {
        await bench.client.kill(query.queryId)
        await listening.catch((error: unknown) => {
          if (!(error instanceof ProtonError && error.code === CANCELLED)) throw error
        })
        // Known unless the query ended before its first word.
        emitted.columns = await Promise.race([query.columns, Promise.resolve([])]).catch(() => [])
        return emitted
      },
    }
  }

  /** Statement in the project's words, to be run in this database. */
  async exec(statement: Statement): Promise<void> {
    await this.setting.bench.client.exec(this.#print(statement), { database: this.namespace.database })
  }

  async problems(): Promise<TestError[]> {
    const problems = await this.setting.bench.problems(this.namespace.database)
    return problems
      .filter(({ view }) => !view.startsWith(PROBE_PREFIX))
      .map(({ view, error }) => ({ ...errorOf(this.plain(error)), view }))
  }

  /** Number of the last row of a stream, which counts from 0; -1 where there is none. */
  async lastSn(stream: string): Promise<string> {
    const { rows } = await this.ask(`SELECT max(_tp_sn) AS sn, count() AS n FROM table(\`${stream}\`)`)
    return String(rows[0]?.n) === '0' ? '-1' : String(rows[0]!.sn)
  }

  release(): Promise<void> {
    return this.setting.bench.release(this.namespace.database, this.objects)
  }

  /** A failure in the project's own names. */
  failure(error: unknown): TestError {
    if (error instanceof ProtonError)
      return { code: error.code, codeName: error.codeName, message: this.plain(error.message) }
    return { message: this.plain(messageOf(error)) }
  }

  plain(text: string): string {
    let plain = text.replaceAll(`${this.namespace.database}.`, '')
    for (const [name, called] of this.namespace.functions) plain = plain.replaceAll(called, name)
    return plain
  }

  #print(statement: Statement): string {
    return printStatement(statementIn(this.namespace, statement), { edition: this.namespace.edition })
  }
}

const HAS_COLUMNS = new Set<Statement['kind']>([
  'create_stream',
  'create_external_stream',
  'create_random_stream',
])

function columnsOf(statement: Statement | undefined): GeneratedColumn[] {
  if (!statement || !HAS_COLUMNS.has(statement.kind) || !('columns' in statement)) return []
  return ((statement.columns ?? []) as ColumnDef[]).flatMap(({ name, type, default: fallback }) =>
    type && (!fallback || fallback.kind === 'default') ? [{ name, type }] : [],
  )
}

const EXCEPTION = /^Code: (\d+)\. DB::Exception: ([\s\S]*?)(?: \(([A-Z_]+)\))?(?: \(version [^)]*\))?$/

function errorOf(text: string): TestError {
  const [, code, message, codeName] = EXCEPTION.exec(text.trim()) ?? []
  return code === undefined ? { message: text } : { code: Number(code), codeName, message: message! }
}

export function messageOf(error: unknown): string {
  if (error instanceof UserError) return [error.message, error.detail].filter(Boolean).join('\n')
  return error instanceof Error ? error.message : String(error)
}
