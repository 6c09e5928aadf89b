import type { Expr, Query } from '../../../dialect/index.js'
import type { LintContext, Rule } from '../rule.js'

export const columnDropped: Rule = {
  code: 'COLUMN_DROPPED',
  severity: 'error',
  title: 'a column that the target does not have',
  why: 'A materialized view writes by name. A column that the target lacks is computed and dropped without a word (Proton 1.6), and the column that was meant keeps its default.',
  fix: 'Give the column an alias that the target has, or add it to the target.',
  failing: {
    sql: `CREATE STREAM readings (device string, value float64) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE STREAM hot (device string, temperature float64) TTL to_datetime(_tp_time) + INTERVAL 30 DAY;
CREATE MATERIALIZED VIEW mv_hot INTO hot AS SELECT device, value FROM readings WHERE value > 90;`,
  },
  passing: {
    sql: `CREATE STREAM readings (device string, value float64) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE STREAM hot (device string, temperature float64) TTL to_datetime(_tp_time) + INTERVAL 30 DAY;
CREATE MATERIALIZED VIEW mv_hot INTO hot AS SELECT device, value AS temperature FROM readings WHERE value > 90;`,
  },
  *check(context) {
    for (const object of context.objects) {
      const { statement } = object
      if (statement.kind !== 'create_materialized_view' || !statement.into) continue
      const target = targetColumns(statement.into.name, context)
      if (!target) continue
      for (const { name, at } of writtenBy(statement.query, context))
        if (!target.has(name))
          yield {
            object,
            at,
            message: `${statement.into.name} has no column ${name}: what is computed for it goes nowhere.`,
          }
    }
  },
}

/** Columns of what is written that need not be declared. */
const ALWAYS = ['_tp_time', '_tp_delta', '_tp_message_key', '_tp_message_headers']

function targetColumns(name: string, { relations }: LintContext): Set<string> | undefined {
  const columns = relations.columnsOfName(name)
  return columns && new Set([...columns.map((column) => column.name), ...ALWAYS])
}

/** Names of the columns that a query gives, with their places; those behind a `*` where they are known. */
function writtenBy(query: Query, { relations }: LintContext): { name: string; at?: Expr }[] {
  if (query.kind === 'union') return writtenBy(query.arms[0]!, { relations } as LintContext)
  return query.columns.flatMap((column) => {
    const single: Query = { ...query, columns: [column] }
    const at = column.span ? column : column.kind === 'alias' ? column.expr : column
    return (relations.outputOf(single) ?? []).map(({ name }) => ({ name, at }))
  })
}
