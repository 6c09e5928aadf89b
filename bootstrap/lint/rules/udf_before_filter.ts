import { type Expr, type Query, type TableExpr, visit } from '../../../dialect/index.js'
import { conjuncts, selectsIn } from '../find.js'
import type { LintContext, LintObject, Rule } from '../rule.js'

export const udfBeforeFilter: Rule = {
  code: 'UDF_BEFORE_FILTER',
  severity: 'warning',
  title: 'a remote function that is called before the filter',
  why: 'A condition outside of the query that calls the function is looked at after the calls: every row costs a request, also those that nobody wants.',
  fix: 'Put the condition into the innermost query, before the call.',
  failing: {
    sql: `CREATE REMOTE FUNCTION score(user string) RETURNS float64 URL 'http://127.0.0.1:9100/score';
CREATE STREAM logins (user string, rank uint32) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE VIEW scored AS SELECT user, rank, score(user) AS risk FROM logins;
CREATE VIEW top AS SELECT user, risk FROM scored WHERE rank < 20;`,
  },
  passing: {
    sql: `CREATE REMOTE FUNCTION score(user string) RETURNS float64 URL 'http://127.0.0.1:9100/score';
CREATE STREAM logins (user string, rank uint32) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE VIEW scored AS SELECT user, rank, score(user) AS risk FROM logins WHERE rank < 20;
CREATE VIEW risky AS SELECT user, risk FROM scored WHERE risk > 0.5;`,
  },
  *check(context) {
    const remote = new Set(
      context.objects.flatMap(({ name, statement }) =>
        statement.kind === 'create_function' && statement.body.language === 'remote' ? [name] : [],
      ),
    )
    if (remote.size === 0) return
    for (const object of context.objects) yield* inObject(object, remote, context)
  },
}

function* inObject(object: LintObject, remote: ReadonlySet<string>, context: LintContext) {
  for (const { where, from } of selectsIn(object.statement)) {
    if (!where || !from) continue
    const called = calledIn(from, remote, context, new Set())
    // What asks for the answer itself can stand nowhere else.
    const early = called && conjuncts(where).find((term) => !mentions(term, called.answers))
    if (early)
      yield {
        object,
        at: early,
        message: `${called.name} has been called for every row before this condition is looked at.`,
      }
  }
}

interface Called {
  name: string
  /** Columns that hold its answers, or what was made of them. */
  answers: Set<string>
}

/** A remote function that a source calls for each of its rows. */
function calledIn(
  table: TableExpr,
  remote: ReadonlySet<string>,
  context: LintContext,
  seen: ReadonlySet<string>,
): Called | undefined {
  if (table.kind === 'subquery_table') return calledByQuery(table.query, remote, context, seen)
  if (table.kind !== 'table' || seen.has(table.name.name)) return undefined
  const query = context.relations.viewQuery(table.name.name)
  return query && calledByQuery(query, remote, context, new Set([...seen, table.name.name]))
}

function calledByQuery(
  query: Query,
  remote: ReadonlySet<string>,
  context: LintContext,
  seen: ReadonlySet<string>,
): Called | undefined {
  if (query.kind === 'union') return undefined
  const inner = query.from && calledIn(query.from, remote, context, seen)
  const answers = new Set<string>()
  let name = inner?.name
  for (const column of query.columns) {
    const call = callOf(column, remote)
    name ??= call
    if (column.kind === 'star') for (const answer of inner?.answers ?? []) answers.add(answer)
    else if (call !== undefined || (inner && mentions(column, inner.answers))) answers.add(outputOf(column))
  }
  return name === undefined ? undefined : { name, answers }
}

function callOf(expr: Expr, remote: ReadonlySet<string>): string | undefined {
  let found: string | undefined
  visit(expr, {
    query: () => false,
    expr: (node) => {
      if (node.kind === 'call' && remote.has(node.name)) found ??= node.name
    },
  })
  return found
}

function outputOf(expr: Expr): string {
  return expr.kind === 'alias' ? expr.name : expr.kind === 'column' ? expr.path.at(-1)! : ''
}

function mentions(expr: Expr, columns: ReadonlySet<string>): boolean {
  let found = false
  visit(expr, {
    expr: (node) => {
      if (node.kind === 'column' && node.path.some((part) => columns.has(part))) found = true
    },
  })
  return found
}
