import type { Query, Star } from '../../../dialect/index.js'
import type { Rule } from '../rule.js'

export const selectStarInto: Rule = {
  code: 'SELECT_STAR_INTO',
  severity: 'warning',
  title: 'SELECT * into a target',
  why: 'Columns go to the target by name, and those it does not have are dropped without a word. With * the view changes with every column of its source, and nobody sees which ones arrive.',
  fix: 'Name the columns.',
  failing: {
    sql: `CREATE STREAM readings (device string, value float64) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE STREAM hot (device string, value float64, _tp_time datetime64(3)) TTL to_datetime(_tp_time) + INTERVAL 30 DAY;
CREATE MATERIALIZED VIEW mv_hot INTO hot AS SELECT * FROM readings WHERE value > 90;`,
  },
  passing: {
    sql: `CREATE STREAM readings (device string, value float64) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE STREAM hot (device string, value float64) TTL to_datetime(_tp_time) + INTERVAL 30 DAY;
CREATE MATERIALIZED VIEW mv_hot INTO hot AS SELECT device, value FROM readings WHERE value > 90;`,
  },
  *check({ objects }) {
    for (const object of objects) {
      const { statement } = object
      if (statement.kind !== 'create_materialized_view' || !statement.into) continue
      const star = starOf(statement.query)
      if (star)
        yield {
          object,
          at: star,
          message: `Which columns reach ${statement.into.name} depends on what * means that day.`,
        }
    }
  },
}

function starOf(query: Query): Star | undefined {
  if (query.kind === 'union') return query.arms.map(starOf).find((star) => star !== undefined)
  return query.columns.find((column): column is Star => column.kind === 'star')
}
