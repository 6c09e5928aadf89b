/** CREATE, DROP and SHOW of tasks and alerts. */
import { randomUUID } from 'node:crypto'
import type { CreateAlert, CreateTask, QualifiedName, Query, SystemStatement } from '../../dialect/ast.js'
import { dependencies, printStatement } from '../../dialect/index.js'
import { alertProblem } from '../../dialect/jobs/index.js'
import type { QueryContext, Relation, StreamObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import {
  type AlertRecord,
  alertCall,
  alertStatement,
  alertView,
  dropEvents,
  eventsName,
} from '../jobs/alerts.js'
import { type TaskRecord, taskContext, taskSchedule, taskStatement, taskTarget } from '../jobs/tasks.js'
import { isAggregation } from '../planner/index.js'
import { intervalMs } from '../streaming/index.js'
import { TP_TIME, timeColumn } from './columns.js'
import { createTables } from './create_stream.js'
import { qualified } from './create_view.js'
import { fullName, literalText, requireDatabase, type StatementDeps, settingsText } from './deps.js'
import { notSupported } from './errors.js'
import { jsonRelation } from './json_rows.js'

type Kind = 'task' | 'alert'

function keyOf({ database, name }: { database: string; name: string }): string {
  return `${database}.${name}`
}

function recordsOf(kind: Kind, deps: StatementDeps) {
  return kind === 'task' ? deps.tasks.records : deps.alerts.records
}

function requireJob(kind: Kind, written: QualifiedName, context: QueryContext, deps: StatementDeps): string {
  const key = keyOf(fullName(written, context))
  if (!recordsOf(kind, deps).get(key)) {
    throw new EngineError('UNKNOWN_STREAM', `${kind === 'task' ? 'Task' : 'Alert'} ${key} doesn't exist`)
  }
  return key
}

/** Whether there is something to create. Throws 57. */
function isNew(kind: Kind, statement: CreateTask | CreateAlert, key: string, deps: StatementDeps): boolean {
  if (!recordsOf(kind, deps).get(key) || statement.orReplace) return true
  if (statement.ifNotExists) return false
  throw new EngineError(
    'STREAM_ALREADY_EXISTS',
    `${kind === 'task' ? 'Task' : 'Alert'} ${key} already exists`,
  )
}

/** Runs at once for the first time, then each time its interval has passed since it began. */
export async function createTask(
  statement: CreateTask,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const name = fullName(statement.name, context)
  requireDatabase(name.database, deps)
  const key = keyOf(name)
  if (!isNew('task', statement, key, deps)) return
  taskSchedule(statement)
  if (statement.timeout) intervalMs(statement.timeout)
  const canonical: CreateTask = {
    ...statement,
    name,
    into: fullName(statement.into, context),
    query: qualified(statement.query, context),
    ifNotExists: false,
    orReplace: false,
    uuid: undefined,
  }
  await checkTask(canonical, name.database, deps)
  await deps.tasks.put(key, {
    uuid: statement.uuid ?? randomUUID(),
    ...name,
    sql: printStatement(canonical),
    createdAt: Date.now(),
    paused: false,
    runs: 0,
    failures: 0,
  })
}

async function checkTask(statement: CreateTask, database: string, deps: StatementDeps): Promise<void> {
  const target = taskTarget(statement, deps)
  const context = taskContext(database, 'task', statement, new AbortController().signal)
  if (deps.runtime.isStreaming(statement.query, { ...context, tableMode: false })) {
    throw new EngineError('INCORRECT_QUERY', 'A task needs a historical query: read table(…) of its streams')
  }
  const plan = await deps.planner.plan(statement.query, context)
  await plan.release()
  const known = new Set(target.columns.map((column) => column.name))
  if (plan.columns.some((column) => known.has(column.name))) return
  throw new EngineError(
    'EMPTY_LIST_OF_COLUMNS_QUERIED',
    `No column of the query is a column of the target ${keyOf(target.name)}`,
  )
}

export async function createAlert(
  statement: CreateAlert,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const name = fullName(statement.name, context)
  requireDatabase(name.database, deps)
  const key = keyOf(name)
  if (!isNew('alert', statement, key, deps)) return
  const query = qualified(statement.query, context)
  const canonical: CreateAlert = {
    ...statement,
    name,
    query,
    ifNotExists: false,
    orReplace: false,
    uuid: undefined,
  }
  checkPolicy(canonical)
  const record: AlertRecord = {
    uuid: statement.uuid ?? randomUUID(),
    ...name,
    sql: printStatement(canonical),
    createdAt: Date.now(),
    viewId: deps.catalog.nextId(),
    columns: [],
    processed: 0,
    calls: [],
    fired: 0,
    suppressed: 0,
    failures: 0,
    lastError: '',
    lastFiredAt: 0,
  }
  const events = await eventStream(record, query, deps)
  checkFunction(canonical, record, deps)
  if (recordsOf('alert', deps).get(key)) await deps.alerts.remove(key)
  await deps.catalog.reserve(record.viewId)
  await createTables(events, deps)
  try {
    // Whether the function takes columns of these types.
    await deps.chdb.describe(alertCall(record, events, deps, 0, 0).sql)
    await deps.alerts.create(key, record)
  } catch (cause) {
    await deps.runtime.dropView(alertView(record)).catch(() => {})
    await dropEvents(record, deps)
    throw cause
  }
}

function checkPolicy(statement: CreateAlert): void {
  const problem = alertProblem(statement)
  if (problem?.wanted === 'interval') intervalMs(problem.expr)
  if (problem)
    throw new EngineError(
      'BAD_ARGUMENTS',
      `A positive number is expected instead of ${literalText(problem.expr)}`,
    )
}

/** What the query gives, in a stream of the alert's own. Throws for what is not simple. */
async function eventStream(record: AlertRecord, query: Query, deps: StatementDeps): Promise<StreamObject> {
  const env = { lookup: (name: string) => deps.udfs.lookup(name) }
  const simple =
    query.kind === 'select' &&
    query.from?.kind === 'table' &&
    !query.distinct &&
    !query.limit &&
    !query.limitBy &&
    !query.partitionBy &&
    !isAggregation(query, env)
  if (!simple) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      'An alert takes a simple SELECT from one stream. Put joins and aggregations into a materialized view, and let the alert read its target',
    )
  }
  const context: QueryContext = {
    queryId: record.uuid,
    user: '',
    database: record.database,
    settings: settingsText(query.settings),
    params: {},
    tableMode: false,
    signal: new AbortController().signal,
  }
  if (!deps.runtime.isStreaming(query, context)) {
    throw new EngineError('INCORRECT_QUERY', 'An alert needs a streaming query')
  }
  const output = await deps.runtime.analyse(query, context)
  record.columns = output.map((column) => column.name)
  const twice = record.columns.find((name, i) => record.columns.indexOf(name) !== i)
  if (twice !== undefined) throw new EngineError('ILLEGAL_COLUMN', `The query gives column ${twice} twice`)
  const columns = output.some((column) => column.name === TP_TIME)
    ? output
    : [...output, timeColumn(undefined, deps)]
  return {
    kind: 'stream',
    id: deps.catalog.nextId(),
    uuid: randomUUID(),
    name: eventsName(record),
    sql: '',
    createdAt: record.createdAt,
    mode: 'append',
    columns,
    primaryKey: [],
    shards: 1,
    settings: {},
    owner: `alert ${record.database}.${record.name}`,
  }
}

function checkFunction({ call }: CreateAlert, record: AlertRecord, deps: StatementDeps): void {
  const body = deps.catalog.function(call)?.statement.body
  if (!body) throw new EngineError('UNKNOWN_FUNCTION', `Unknown function ${call}`)
  if (body.language === 'sql' || deps.udfs.lookup(call)?.kind !== 'scalar') {
    throw notSupported(`CALL of ${call}, which is neither a JavaScript nor a remote function,`)
  }
  if (body.args.length !== record.columns.length) {
    throw new EngineError(
      'NUMBER_OF_ARGUMENTS_DOESNT_MATCH',
      `Function ${call} takes ${body.args.length} arguments, the query of the alert gives ${record.columns.length} columns`,
    )
  }
}

export async function dropJob(
  kind: Kind,
  written: QualifiedName,
  ifExists: boolean,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  if (ifExists && !recordsOf(kind, deps).get(keyOf(fullName(written, context)))) return
  const key = requireJob(kind, written, context, deps)
  await (kind === 'task' ? deps.tasks.remove(key) : deps.alerts.remove(key))
}

/** Before the streams of their database go. */
export async function dropJobsOf(database: string, deps: StatementDeps): Promise<void> {
  for (const [key, record] of deps.tasks.records.list()) {
    if (record.database === database) await deps.tasks.remove(key)
  }
  for (const [key, record] of deps.alerts.records.list()) {
    if (record.database === database) await deps.alerts.remove(key)
  }
}

export function jobText(
  kind: Kind,
  written: QualifiedName,
  context: QueryContext,
  deps: StatementDeps,
): string {
  return recordsOf(kind, deps).get(requireJob(kind, written, context, deps))!.sql
}

/** `SYSTEM PAUSE | RESUME TASK t`: paused tasks stay so after a restart. */
export async function systemTask(
  statement: SystemStatement,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const key = requireJob('task', statement.target!, context, deps)
  if (statement.command === 'PAUSE TASK') return deps.tasks.pause(key, true)
  if (statement.command === 'RESUME TASK') return deps.tasks.pause(key, false)
  throw notSupported(`SYSTEM ${statement.command}`)
}

/** What tasks and alerts name: it cannot be dropped. */
export function namedByJobs(deps: Pick<StatementDeps, 'tasks' | 'alerts'>) {
  const all: (TaskRecord | AlertRecord)[] = [
    ...deps.tasks.records.list().map(([, record]) => record),
    ...deps.alerts.records.list().map(([, record]) => record),
  ]
  return all.map((record) => {
    const statement = 'viewId' in record ? alertStatement(record) : taskStatement(record)
    return {
      name: { database: record.database, name: record.name },
      uuid: record.uuid,
      uses: dependencies(statement).map((name) => ({
        database: name.database ?? record.database,
        name: name.name,
      })),
    }
  })
}

/** Throws 630 where an alert calls the function. */
export function checkNotCalled(name: string, deps: StatementDeps): void {
  const alert = deps.alerts.records.list().find(([, record]) => alertStatement(record).call === name)
  if (!alert) return
  throw new EngineError(
    'HAVE_DEPENDENT_OBJECTS',
    `Cannot drop function '${name}', because alert ${alert[0]} calls it`,
  )
}

export function tasksRelation(context: QueryContext, deps: StatementDeps): Relation {
  const who = deps.guard.accessOf(context)
  const rows = deps.tasks.records
    .list()
    .filter(([, record]) => deps.guard.sees(who, record))
    .map(([key, record]) => {
      const statement = taskStatement(record)
      const { state, nextAt } = deps.tasks.state(key)
      const { lastRun } = record
      return [
        record.database,
        record.name,
        record.uuid,
        state,
        keyOf(statement.into as { database: string; name: string }),
        record.runs,
        record.failures,
        lastRun?.startedAt ?? 0,
        lastRun?.tookMs ?? 0,
        lastRun?.rows ?? 0,
        lastRun?.error ?? '',
        nextAt,
        record.sql,
      ]
    })
  return jsonRelation(
    {
      database: 'string',
      name: 'string',
      uuid: 'uuid',
      state: 'string',
      target: 'string',
      runs: 'uint64',
      failures: 'uint64',
      last_run_at: "datetime64(3, 'UTC')",
      last_duration_ms: 'uint64',
      last_rows: 'uint64',
      last_error: 'string',
      next_run_at: "datetime64(3, 'UTC')",
      create_query: 'string',
    },
    rows,
  )
}

export function alertsRelation(context: QueryContext, deps: StatementDeps): Relation {
  const who = deps.guard.accessOf(context)
  const rows = deps.alerts.records
    .list()
    .filter(([, record]) => deps.guard.sees(who, record))
    .map(([, record]) => {
      const status = deps.runtime.status(alertView(record))
      return [
        record.database,
        record.name,
        record.uuid,
        status?.state ?? 'failed',
        alertStatement(record).call,
        record.processed,
        record.fired,
        record.suppressed,
        record.failures,
        record.lastError || (status?.lastError ?? ''),
        record.lastFiredAt,
        record.sql,
      ]
    })
  return jsonRelation(
    {
      database: 'string',
      name: 'string',
      uuid: 'uuid',
      state: 'string',
      function: 'string',
      processed: 'uint64',
      fired: 'uint64',
      suppressed: 'uint64',
      failures: 'uint64',
      last_error: 'string',
      last_fired_at: "datetime64(3, 'UTC')",
      create_query: 'string',
    },
    rows,
  )
}
