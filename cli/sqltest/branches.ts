import {
  type Case,
  type Expr,
  type FunctionCall,
  type Query,
  type Select,
  visit,
} from '../../dialect/index.js'

/** One way through an `if`, `multi_if` or CASE. */
export interface Branch {
  /** Unique in the statement: `2.1` is the first branch of the second condition. */
  id: string
  /** Offset in the statement's text; undefined where a rewrite made it. */
  offset?: number
}

/** Conditions that stand in the same SELECT, and a query of the branches that its rows take. */
export interface BranchProbe {
  branches: Branch[]
  /** One column `taken`, an array of ids, a row for each row of the SELECT. */
  query: Query
}

/** Aggregates tell of groups, so a condition on them can only be watched behind the grouping. */
export type IsAggregate = (name: string) => boolean

/**
 * The branches of a view's query, and how to see which are taken: the query once more, with its columns replaced by
 * the same conditions that answer with their branch's id. Conditions inside lambdas cannot be seen from outside and
 * are left out.
 */
export function branchProbes(query: Query, isAggregate: IsAggregate): BranchProbe[] {
  const selects: Select[] = []
  visit(query, {
    query: (node) => {
      if (node.kind === 'select') selects.push(node)
    },
  })
  const ids = { next: 1 }
  return selects.flatMap((select) => probesOf(select, query, isAggregate, ids))
}

function probesOf(
  select: Select,
  whole: Query,
  isAggregate: IsAggregate,
  ids: { next: number },
): BranchProbe[] {
  const found: { expr: Expr; branches: Branch[]; grouped: boolean }[] = []
  for (const column of select.columns) {
    const taken: Expr[] = []
    const branches: Branch[] = []
    collect(column, { taken, branches, ids })
    if (taken.length > 0)
      found.push({ expr: concat(taken), branches, grouped: overGroups(column, isAggregate) })
  }
  const ctes =
    whole.kind === 'select' && whole !== select ? whole.with.filter(({ kind }) => kind === 'cte') : []
  return [false, true].flatMap((grouped): BranchProbe[] => {
    const ofKind = found.filter((one) => one.grouped === grouped)
    if (ofKind.length === 0) return []
    const branches = ofKind.flatMap((one) => one.branches)
    return [
      {
        branches,
        query: probeQuery(
          select,
          ofKind.map(({ expr }) => expr),
          grouped,
          ctes,
        ),
      },
    ]
  })
}

function probeQuery(select: Select, taken: Expr[], grouped: boolean, ctes: Select['with']): Select {
  const column: Expr = { kind: 'alias', expr: concat(taken), name: 'taken' }
  const base: Select = { ...select, with: [...ctes, ...select.with], columns: [column] }
  if (grouped) return { ...base, orderBy: undefined, limit: undefined, limitBy: undefined, offset: undefined }
  // Of rows: what is done with groups is left out.
  const { kind, with: items, columns, from, prewhere, where, settings } = base
  return { kind, with: items, columns, from, prewhere, where, settings }
}

interface Collector {
  /** Expressions that give an array of the ids taken. */
  taken: Expr[]
  branches: Branch[]
  ids: { next: number }
}

/** Finds the conditions of an expression, outermost first; what only runs inside a branch counts only there. */
function collect(node: unknown, into: Collector): void {
  if (Array.isArray(node)) {
    for (const item of node) collect(item, into)
    return
  }
  if (typeof node !== 'object' || node === null) return
  const expr = node as Expr
  if (expr.kind === 'lambda' || expr.kind === 'subquery' || expr.kind === 'exists') return
  const condition = conditionOf(expr)
  if (condition) {
    into.taken.push(takenBy(condition, into))
    return
  }
  for (const [key, value] of Object.entries(expr)) if (key !== 'span') collect(value, into)
}

interface Condition {
  /** Each with the value that is given where it holds; the last has no condition. */
  branches: { when?: Expr; value?: Expr }[]
  offset?: number
}

function conditionOf(expr: Expr): Condition | undefined {
  if (expr.kind === 'case') return ofCase(expr)
  if (expr.kind !== 'call') return undefined
  const name = expr.name.toLowerCase()
  if (name === 'if' && expr.args.length === 3) {
    const [when, value, otherwise] = expr.args
    return { branches: [{ when, value }, { value: otherwise }], offset: expr.span?.start }
  }
  if (name === 'multi_if' && expr.args.length >= 3) return ofMultiIf(expr)
  return undefined
}

function ofCase({ operand, branches, otherwise, span }: Case): Condition {
  const ways = branches.map(({ when, then }) => ({
    when: operand ? ({ kind: 'binary', op: '=', left: operand, right: when } as Expr) : when,
    value: then,
  }))
  return { branches: [...ways, { value: otherwise }], offset: span?.start }
}

function ofMultiIf({ args, span }: FunctionCall): Condition {
  const branches: Condition['branches'] = []
  for (let i = 0; i + 1 < args.length; i += 2) branches.push({ when: args[i], value: args[i + 1] })
  branches.push({ value: args.at(-1) })
  return { branches, offset: span?.start }
}

/** The condition once more, answering with ids. */
function takenBy(condition: Condition, into: Collector): Expr {
  const number = into.ids.next++
  const always: Expr[] = []
  const ways = condition.branches.map(({ when, value: given }, index) => {
    const id = `${number}.${index + 1}`
    into.branches.push({ id, offset: given?.span?.start ?? condition.offset })
    // A condition that the first question asks always runs; later ones are taken to run as well.
    if (when) collect(when, { ...into, taken: always })
    const inside: Expr[] = []
    if (given) collect(given, { ...into, taken: inside })
    return { when, value: concat([array([text(id)]), ...inside]) }
  })
  const last = ways.pop()!
  const args = ways.flatMap(({ when, value }) => [when!, value])
  const choice: Expr = { kind: 'call', name: 'multi_if', args: [...args, last.value] }
  return concat([choice, ...always])
}

function overGroups(expr: Expr, isAggregate: IsAggregate): boolean {
  let found = false
  const look = (node: Expr) => {
    const condition = conditionOf(node)
    if (condition)
      visit(
        condition.branches.map(({ when }) => when ?? []),
        {
          expr: (inner) => {
            if (inner.kind === 'call' && isAggregate(inner.name)) found = true
          },
        },
      )
  }
  visit(expr, { expr: look })
  return found
}

function text(value: string): Expr {
  return { kind: 'literal', type: 'string', value }
}

function array(items: Expr[]): Expr {
  return { kind: 'array', items }
}

function concat(arrays: Expr[]): Expr {
  return arrays.length === 1 ? arrays[0]! : { kind: 'call', name: 'array_concat', args: arrays }
}
