import {
  type BinaryOp,
  type Expr,
  type Join,
  type Select,
  type Setting,
  visit,
} from '../../../dialect/index.js'
import { conjuncts } from '../find.js'
import { settingText } from '../relations.js'
import type { Found, LintContext, LintObject, Rule } from '../rule.js'

export const asofOnTime: Rule = {
  code: 'ASOF_ON_TIME',
  severity: 'error',
  title: 'an ASOF join on time that keeps one version',
  why: 'The right side keeps, for each key, the row with the largest time (keep_versions = 1). A row of the left side that is older than that finds nothing, though there was a value at its time: INNER drops it, LEFT leaves its columns empty.',
  fix: 'Where only the newest value counts, join on the version with a left side that is larger than any of them; where the value of that time counts, raise keep_versions.',
  failing: {
    sql: `CREATE STREAM trades (symbol string, at datetime64(3)) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE MUTABLE STREAM prices (symbol string, price float64, at datetime64(3)) PRIMARY KEY symbol
SETTINGS version_column = 'at', ttl_seconds = 86400;
CREATE VIEW priced AS
SELECT t.symbol AS symbol, p.price AS price
FROM trades AS t LEFT ASOF JOIN prices AS p ON t.symbol = p.symbol AND t.at >= p.at
SETTINGS keep_versions = 1;`,
  },
  passing: {
    sql: `CREATE STREAM trades (symbol string, at datetime64(3)) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE MUTABLE STREAM prices (symbol string, price float64, ver uint64) PRIMARY KEY symbol
SETTINGS version_column = 'ver', ttl_seconds = 86400;
CREATE VIEW priced AS
SELECT t.symbol AS symbol, p.price AS price
FROM (SELECT symbol, to_uint64(to_unix_timestamp64_milli(_tp_time)) + 4611686018427387904 AS newest FROM trades) AS t
LEFT ASOF JOIN prices AS p ON t.symbol = p.symbol AND t.newest >= p.ver
SETTINGS keep_versions = 1;`,
  },
  *check(context) {
    for (const object of context.objects) {
      const outer = 'storageSettings' in object.statement ? object.statement.storageSettings : []
      yield* inNode(object.statement, outer, object, context)
    }
  },
}

/** Settings of a query hold for its subqueries. */
function* inNode(
  root: object,
  outer: readonly Setting[],
  object: LintObject,
  context: LintContext,
): Generator<Found> {
  const selects: Select[] = []
  visit(root, {
    query: (node) => {
      if (node.kind !== 'select') return undefined
      selects.push(node)
      return false
    },
  })
  for (const select of selects) {
    const settings = [...(select.settings ?? []), ...outer]
    for (const join of joinsOf(select)) {
      const inequality = settingText(settings, 'keep_versions') === '1' ? onTime(join, context) : undefined
      if (inequality)
        yield {
          object,
          at: inequality,
          message: 'With one version kept, a row older than the newest on the right finds nothing.',
        }
    }
    yield* inNode(Object.values(select), settings, object, context)
  }
}

function joinsOf(select: Select): Join[] {
  const joins: Join[] = []
  visit(select.from ?? [], {
    query: () => false,
    table: (node) => {
      if (node.kind === 'join' && node.strictness === 'asof') joins.push(node)
    },
  })
  return joins
}

/** The inequality of an ASOF join, where it compares times with the newest at or before. */
function onTime(join: Join, { relations }: LintContext): BinaryOp | undefined {
  const isTime = (expr: Expr) => {
    if (expr.kind !== 'column') return false
    if (expr.path.at(-1) === '_tp_time') return true
    return /^date/.test(relations.typeOfColumn(expr.path, join)?.name ?? '')
  }
  return conjuncts(join.on).find(
    (term): term is BinaryOp =>
      term.kind === 'binary' && /^[<>]=?$/.test(term.op) && isTime(term.left) && isTime(term.right),
  )
}
