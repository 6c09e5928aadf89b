import type { Query, Select, TableExpr } from '../../dialect/ast.js'
import type { Catalog } from '../contracts.js'
import type { TranslateEnv } from '../planner/index.js'
import { isAggregation } from '../planner/index.js'
import { tableArgument } from './bounded.js'
import { type Ctes, NO_CTES, withCtes } from './is_streaming.js'

interface Context {
  catalog: Catalog
  database: string
  env: TranslateEnv
}

/** A continuous query as lines: the operator that gives the result first, its inputs indented below it. */
export function outline(query: Query, context: Context): string[] {
  return queryLines(query, context, NO_CTES)
}

function queryLines(query: Query, context: Context, ctes: Ctes): string[] {
  if (query.kind === 'union') {
    return ['Union', ...indent(query.arms.flatMap((arm) => queryLines(arm, context, ctes)))]
  }
  const from = query.from ? tableLines(query.from, context, withCtes(query, ctes)) : []
  return [operatorLine(query, context), ...indent(from)]
}

function operatorLine(select: Select, context: Context): string {
  if (!isAggregation(select, context.env))
    return select.where || select.prewhere ? 'Filter and project' : 'Project'
  const { from, emit } = select
  const windowed = from?.kind === 'table_function' ? `${from.name.toLowerCase()} window ` : ''
  const after = emit?.onUpdate
    ? 'on update'
    : emit?.periodic || !windowed
      ? 'periodically'
      : 'after window close'
  return `Aggregate ${windowed}${select.groupBy ? `by ${select.groupBy.length} keys` : 'all rows'}, emit ${after}`
}

function tableLines(table: TableExpr, context: Context, ctes: Ctes): string[] {
  switch (table.kind) {
    case 'table': {
      const cte = table.name.database === undefined ? ctes.get(table.name.name) : undefined
      if (cte) return [`CTE ${table.name.name}`, ...indent(queryLines(cte, context, NO_CTES))]
      const object = context.catalog.require(table.name, context.database)
      return [
        `Scan ${table.name.name} (${object.kind === 'stream' ? object.mode : object.kind.replace('_', ' ')})`,
      ]
    }
    case 'table_function': {
      const bounded = tableArgument(table)
      if (bounded) return [`Stored rows of ${bounded.name.name}`]
      const source = table.args[0]
      const inner = source?.kind === 'table_arg' ? tableLines(source.table, context, ctes) : []
      return [`Function ${table.name.toLowerCase()}`, ...indent(inner)]
    }
    case 'subquery_table':
      return queryLines(table.query, context, ctes)
    case 'join': {
      const sides = [...tableLines(table.left, context, ctes), ...tableLines(table.right, context, ctes)]
      return [`Join ${table.join} ${table.strictness ?? 'all'}`, ...indent(sides)]
    }
    case 'array_join':
      return ['Array join', ...indent(tableLines(table.left, context, ctes))]
    case 'raw_table':
      return ['Stored rows']
  }
}

function indent(lines: string[]): string[] {
  return lines.map((line) => `  ${line}`)
}
