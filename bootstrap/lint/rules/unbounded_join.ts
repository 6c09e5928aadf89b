import { type Expr, type Join, visit } from '../../../dialect/index.js'
import { joinsIn } from '../find.js'
import type { LintContext, Rule } from '../rule.js'

export const unboundedJoin: Rule = {
  code: 'UNBOUNDED_JOIN',
  severity: 'error',
  title: 'a join of two append streams without a range of time',
  why: 'Both sides are kept in memory, for ever, since a partner may come at any time. The view fails when join_max_buffered_bytes (500 MB) is reached.',
  fix: 'Say how far apart partners may be, AND date_diff_within(2m, l._tp_time, r._tp_time), or join the latest row of a keyed stream.',
  failing: {
    sql: `CREATE STREAM orders (id string, item string) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE STREAM payments (id string, amount float64) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE VIEW paid AS
SELECT o.id AS id, p.amount AS amount FROM orders AS o INNER JOIN payments AS p ON o.id = p.id;`,
  },
  passing: {
    sql: `CREATE STREAM orders (id string, item string) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE STREAM payments (id string, amount float64) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE VIEW paid AS
SELECT o.id AS id, p.amount AS amount
FROM orders AS o INNER JOIN payments AS p ON o.id = p.id AND date_diff_within(2m, o._tp_time, p._tp_time);`,
  },
  *check(context) {
    for (const object of context.objects) {
      for (const join of joinsIn(object.statement))
        if (isUnbounded(join, context))
          yield { object, at: join.right, message: 'This join keeps all rows of both sides in memory.' }
    }
  },
}

function isUnbounded(join: Join, { relations }: LintContext): boolean {
  if (join.strictness !== undefined && join.strictness !== 'all') return false
  if (relations.semanticOf(join.left) !== 'append' || relations.semanticOf(join.right) !== 'append')
    return false
  return !hasRange(join.on)
}

/** `date_diff_within(…)`, or `date_diff(…) BETWEEN …`. */
function hasRange(on: Expr | undefined): boolean {
  let found = false
  visit(on ?? [], {
    expr: (node) => {
      if (node.kind === 'call' && /^date_diff(_within)?$/i.test(node.name)) found = true
    },
  })
  return found
}
