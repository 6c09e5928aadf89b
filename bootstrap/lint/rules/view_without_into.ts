import type { Rule } from '../rule.js'

export const viewWithoutInto: Rule = {
  code: 'VIEW_WITHOUT_INTO',
  severity: 'warning',
  title: 'a materialized view without INTO',
  why: 'Its rows lie in an inner stream that has no declaration of its own: no TTL, no key, no types that anybody wrote down. It goes when the view goes, so every change of the query loses the rows, and no second view can write to it.',
  fix: 'Declare a stream and write INTO it.',
  failing: {
    sql: `CREATE STREAM readings (device string, value float64) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE MATERIALIZED VIEW hot AS SELECT device, value FROM readings WHERE value > 90;`,
  },
  passing: {
    sql: `CREATE STREAM readings (device string, value float64) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE STREAM hot (device string, value float64) TTL to_datetime(_tp_time) + INTERVAL 30 DAY;
CREATE MATERIALIZED VIEW mv_hot INTO hot AS SELECT device, value FROM readings WHERE value > 90;`,
  },
  *check({ objects }) {
    for (const object of objects)
      if (object.statement.kind === 'create_materialized_view' && !object.statement.into)
        yield {
          object,
          message: `${object.name} keeps its rows where only it can write, and loses them with every change.`,
        }
  },
}
