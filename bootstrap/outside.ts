import type {
  CreateAlert,
  CreateFunction,
  CreateTask,
  Edition,
  Select,
  Statement,
  TableExpr,
} from '../dialect/index.js'
import { UserError, visit } from '../dialect/index.js'
import type { CompiledObject, ObjectKey } from './model.js'
import { queryState } from './replace/query_state.js'

/** A task or an alert of an edition that lacks them: a command of tpctl runs it from outside. */
export type OutsideJob = OutsideTask | OutsideAlert

export interface OutsideTask extends CompiledObject {
  kind: 'task'
  statement: CreateTask
}

export interface OutsideAlert extends CompiledObject {
  kind: 'alert'
  statement: CreateAlert
  query: Select
  /** The stream whose sequence numbers tell how far the alert has read. */
  stream: string
  fn: CreateFunction
}

export const RUNNERS = { task: 'run-tasks', alert: 'run-alerts' } as const

export function isOutside({ kind }: CompiledObject, edition: Edition): boolean {
  return edition === 'oss-1.6' && (kind === 'task' || kind === 'alert')
}

/** What a runner needs to know. @throws UserError EDITION_UNSUPPORTED, where it cannot run the task or alert. */
export function outsideJob(
  object: CompiledObject,
  statementOf: (key: ObjectKey) => Statement | undefined,
): OutsideJob {
  const { statement } = object
  if (statement.kind === 'create_task')
    return outsideTask({ ...object, kind: 'task', statement }, statementOf)
  if (statement.kind === 'create_alert') return outsideAlert(object, statement, statementOf)
  throw new Error(`${object.key} is no task and no alert`)
}

function outsideTask(task: OutsideTask, statementOf: (key: ObjectKey) => Statement | undefined): OutsideTask {
  const [scan] = queryState(task.statement.query, relations(statementOf)).scans
  if (scan) refuse(task, `it reads ${scan.name} as a stream`, `read what is stored: table(${scan.name})`)
  return task
}

function outsideAlert(
  object: CompiledObject,
  statement: CreateAlert,
  statementOf: (key: ObjectKey) => Statement | undefined,
): OutsideAlert {
  const { query } = statement
  const state = queryState(query, relations(statementOf))
  const [keeps] = state.state
  if (keeps !== undefined) refuse(object, keeps, INTO_VIEW)
  if (query.kind !== 'select' || query.from?.kind !== 'table' || !isSimple(query))
    return refuse(object, 'it is no simple SELECT from one stream', INTO_VIEW)
  const seek = query.settings?.find(({ name }) => name === 'seek_to')?.value
  if (seek && !(seek.kind === 'literal' && seek.type === 'string' && /^(earliest|latest)$/.test(seek.value)))
    refuse(object, 'it begins at a time or a number', "write seek_to = 'earliest', or leave it out")
  const stream = streamBehind(query.from, object, statementOf)
  return {
    ...object,
    kind: 'alert',
    statement,
    query,
    stream,
    fn: calledFunction(object, statement, statementOf),
  }
}

const INTO_VIEW = 'put the query into a materialized view, and let the alert read its target'

/** Columns and a condition over one relation: nothing is remembered between rows, and nothing else is read. */
function isSimple(query: Select): boolean {
  const { prewhere, partitionBy, shuffleBy, having, orderBy, windows, emit, format, intoOutfile } = query
  const further = [prewhere, partitionBy, shuffleBy, having, orderBy, windows, emit, format, intoOutfile]
  let simple = further.every((clause) => clause === undefined)
  visit(query, {
    query: (inner) => {
      if (inner !== query) simple = false
    },
  })
  return simple
}

/** The stream that the alert reads, materialized views looked through. */
function streamBehind(
  { name }: Extract<TableExpr, { kind: 'table' }>,
  object: CompiledObject,
  statementOf: (key: ObjectKey) => Statement | undefined,
): string {
  const statement = name.database === undefined ? statementOf(name.name) : undefined
  switch (statement?.kind) {
    case 'create_materialized_view':
      return statement.into
        ? streamBehind({ kind: 'table', name: statement.into }, object, statementOf)
        : name.name
    case 'create_view':
      return refuse(
        object,
        `${name.name} is a view, which has no sequence numbers`,
        'read the stream behind it',
      )
    case 'create_external_stream':
    case 'create_random_stream':
      return refuse(object, `${name.name} is no stream that is stored`, INTO_VIEW)
    case 'create_stream': {
      const shards = statement.settings.find((setting) => setting.name === 'shards')?.value
      if (shards?.kind === 'literal' && shards.type === 'number' && Number(shards.text) > 1)
        refuse(
          object,
          `${name.name} has ${shards.text} shards, each with sequence numbers of its own`,
          'let a materialized view write what matters into a stream of one shard, and read that',
        )
    }
  }
  return name.database === undefined ? name.name : `${name.database}.${name.name}`
}

function calledFunction(
  object: CompiledObject,
  { call, query }: CreateAlert,
  statementOf: (key: ObjectKey) => Statement | undefined,
): CreateFunction {
  const fn = statementOf(`${call}()`)
  if (fn?.kind !== 'create_function')
    return refuse(
      object,
      `the project has no function ${call}`,
      'define it in JavaScript, or as a REMOTE FUNCTION',
    )
  const { body } = fn
  if (fn.aggregate || (body.language !== 'javascript' && body.language !== 'remote'))
    return refuse(
      object,
      `${call} is neither a JavaScript nor a remote function of a row`,
      'write it in JavaScript, or as a REMOTE FUNCTION',
    )
  const columns = query.kind === 'select' ? query.columns : []
  const known = columns.every(({ kind }) => kind !== 'star')
  if (known && columns.length !== body.args.length)
    refuse(
      object,
      `${call} takes ${body.args.length} arguments, and its query gives ${columns.length} columns`,
      'let the query give what the function takes, in that order',
    )
  return fn
}

function relations(statementOf: (key: ObjectKey) => Statement | undefined) {
  return {
    statement: statementOf,
    isAggregate: (name: string) => {
      const fn = statementOf(`${name}()`)
      return fn?.kind === 'create_function' && fn.aggregate
    },
  }
}

function refuse({ kind, name, source }: CompiledObject, why: string, instead: string): never {
  const runner = kind === 'task' ? RUNNERS.task : RUNNERS.alert
  throw new UserError(
    'EDITION_UNSUPPORTED',
    `Proton 1.6 has no ${kind}s, and \`tpctl ${runner}\` cannot run ${name}: ${why}`,
    { where: source, suggestion: `${instead} (other targets have ${kind}s of their own)` },
  )
}
