/** EXPLAIN: of a continuous query our own plan, of any other one the store's, in the words of Proton. */
import type { Explain, Setting } from '../../dialect/ast.js'
import { printStatement } from '../../dialect/index.js'
import type { QueryContext, StatementResult } from '../contracts.js'
import { EngineError } from '../errors.js'
import { currentTable, historyTable } from '../storage/tables.js'
import { literalText, type StatementDeps } from './deps.js'
import { notSupported } from './errors.js'
import { jsonResult } from './json_rows.js'
import { asProtonPlan } from './plan_text.js'
import { withSettings } from './settings.js'

const ESTIMATE = { database: 'string', table: 'string', parts: 'uint64', rows: 'uint64', marks: 'uint64' }

export async function explain(
  statement: Explain,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StatementResult> {
  const options = optionsOf(statement)
  if (statement.variant === 'estimate') return estimate(statement, context, deps)
  const lines = await explained(statement, options, context, deps)
  return jsonResult(
    { explain: 'string' },
    lines.map((line) => [line]),
    statement.format,
  )
}

/** Options of each variant, all of them 0 or 1. */
const OPTIONS: Partial<Record<Explain['variant'], readonly string[]>> = {
  plan: ['header', 'description', 'actions', 'indexes', 'optimize', 'json', 'sorting'],
  pipeline: ['header', 'graph', 'compact'],
}

function optionsOf({ variant, options }: Explain): Record<string, string> {
  const name = variant.toUpperCase().replace('_', ' ')
  const known = OPTIONS[variant]
  const checked = (option: Setting): [string, string] => {
    if (!known)
      throw new EngineError('UNKNOWN_SETTING', `Settings are not supported for EXPLAIN ${name} query`)
    if (!known.includes(option.name)) {
      throw new EngineError(
        'UNKNOWN_SETTING',
        `Unknown setting "${option.name}" for EXPLAIN ${name} query. Supported settings: ${known.join(', ')}`,
      )
    }
    const value = literalText(option.value)
    if (/^[01]$/.test(value)) return [option.name, value]
    throw new EngineError(
      'INVALID_SETTING_VALUE',
      `Invalid value ${value} for setting "${option.name}". Only boolean settings are supported`,
    )
  }
  return Object.fromEntries(options.map(checked))
}

async function explained(
  statement: Explain,
  options: Record<string, string>,
  context: QueryContext,
  deps: StatementDeps,
): Promise<string[]> {
  const { variant, statement: inner } = statement
  if (variant === 'syntax') return printStatement(inner, { asServer: true }).split('\n')
  if (variant === 'ast')
    return JSON.stringify(inner, (key, value) => (key === 'span' ? undefined : value), 2).split('\n')
  const query = queryOf(statement)
  const inForce = withSettings(query, context)
  if (deps.runtime.isStreaming(query, inForce)) return deps.runtime.explain(query, inForce)
  const kind = { plan: 'PLAN', pipeline: 'PIPELINE', query_tree: 'QUERY TREE', estimate: '' }[variant]
  const given = variant === 'plan' ? { actions: '0', compact: '0', pretty: '0', ...options } : options
  const settings = Object.entries(given).map(([name, value]) => `${name} = ${value}`)
  const plan = await deps.planner.plan(query, inForce)
  try {
    const rows = await deps.chdb.rows<[string]>(`EXPLAIN ${kind} ${settings.join(', ')} ${plan.sql}`)
    const names = namesOfTables(deps)
    const lines = rows.map(([line]) =>
      line.replace(/\btp\.[sc]_\d+\b/g, (table) => names.get(table) ?? table),
    )
    return variant === 'plan' && options.json !== '1' ? asProtonPlan(lines) : lines
  } finally {
    await plan.release()
  }
}

/** What the store would read for a query: rows of tables, by their streams' names. */
async function estimate(
  statement: Explain,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StatementResult> {
  const query = queryOf(statement)
  const plan = await deps.planner.plan(query, withSettings(query, { ...context, tableMode: true }))
  try {
    const names = namesOfTables(deps)
    const rows = await deps.chdb.rows<[string, string, ...unknown[]]>(`EXPLAIN ESTIMATE ${plan.sql}`)
    const shown = rows.map(([database, table, ...counts]) => {
      const [ownDatabase, ...name] = (names.get(`${database}.${table}`) ?? `${database}.${table}`).split('.')
      return [ownDatabase, name.join('.'), ...counts]
    })
    return jsonResult(ESTIMATE, shown, statement.format)
  } finally {
    await plan.release()
  }
}

function queryOf({ statement }: Explain) {
  if (statement.kind === 'query') return statement.query
  throw notSupported(`EXPLAIN of ${statement.kind.replaceAll('_', ' ').toUpperCase()}`)
}

/** The store's tables → the streams that lie in them. */
function namesOfTables({ catalog }: StatementDeps): Map<string, string> {
  return new Map(
    catalog.list().flatMap((object): [string, string][] => {
      if (object.kind !== 'stream') return []
      const name = `${object.name.database}.${object.name.name}`
      return [historyTable(object), currentTable(object)].map((table) => [table, name])
    }),
  )
}
