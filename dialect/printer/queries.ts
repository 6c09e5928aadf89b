import type {
  Expr,
  NamedTable,
  QualifiedName,
  Query,
  Select,
  SessionRange,
  Setting,
  SubqueryTable,
  TableArg,
  TableExpr,
  TableFunction,
  UnionQuery,
} from '../ast.js'
import { quoteName, quoteString } from '../text.js'
import { deeper, layoutList, lineBreak, type PrintContext, shallower } from './context.js'
import { emitText } from './emit.js'
import { exprList, exprText, functionNameText, orderByText, refuseRaw, windowText } from './expressions.js'

export function nameText(name: QualifiedName): string {
  const prefix = name.database === undefined ? '' : `${quoteName(name.database)}.`
  return prefix + quoteName(name.name)
}

export function settingsText(settings: Setting[], ctx: PrintContext): string {
  const items = settings.map(
    (s) => `${s.name.split('.').map(quoteName).join('.')} = ${exprText(s.value, ctx, 1)}`,
  )
  return `SETTINGS ${layoutList(items, ctx)}`
}

export function queryInBrackets(query: Query, ctx: PrintContext): string {
  const inner = deeper(ctx)
  return `(${lineBreak(inner, '')}${queryText(query, inner)}${lineBreak(ctx, '')})`
}

const SET_WORDS: Record<UnionQuery['operators'][number], string> = {
  union_all: 'UNION ALL',
  union_distinct: 'UNION DISTINCT',
  intersect: 'INTERSECT',
  except: 'EXCEPT',
}

export function queryText(query: Query, ctx: PrintContext): string {
  const parts = query.kind === 'select' ? selectParts(query, ctx) : unionParts(query, ctx)
  // FORMAT stands before the settings only in statements; the one order that all editions read is this.
  if (query.settings && query.settings.length > 0) parts.push(settingsText(query.settings, ctx))
  if (query.intoOutfile !== undefined) parts.push(`INTO OUTFILE ${quoteString(query.intoOutfile)}`)
  if (query.format !== undefined) parts.push(`FORMAT ${quoteName(query.format)}`)
  return parts.join(lineBreak(ctx))
}

function unionParts(union: UnionQuery, ctx: PrintContext): string[] {
  const parts: string[] = []
  union.arms.forEach((arm, i) => {
    if (i > 0) parts.push(SET_WORDS[union.operators[i - 1]!])
    const inBrackets = arm.kind === 'union' || (arm.settings?.length ?? 0) > 0 || arm.format !== undefined
    parts.push(inBrackets ? queryInBrackets(arm, ctx) : queryText(arm, ctx))
  })
  return parts
}

function selectParts(s: Select, ctx: PrintContext): string[] {
  const parts: string[] = []
  const inner = ctx.pretty ? deeper(ctx) : ctx
  if (s.with.length > 0) {
    const items = s.with.map((w) => withText(w, ctx.asServer ? inner : ctx))
    parts.push(`WITH ${layoutList(items, ctx)}`)
  }
  const distinct =
    s.distinct === true ? ' DISTINCT' : s.distinct ? ` DISTINCT ON (${exprList(s.distinct, ctx)})` : ''
  const columns = s.columns.map((e) => exprText(e, inner))
  parts.push(clause(`SELECT${distinct}`, layoutList(columns, ctx), ctx))
  if (s.from) parts.push(clause('FROM', tableText(s.from, inner), ctx))
  if (s.prewhere) parts.push(clause('PREWHERE', exprText(s.prewhere, inner), ctx))
  if (s.where) parts.push(clause('WHERE', exprText(s.where, inner), ctx))
  if (s.partitionBy) parts.push(clause('PARTITION BY', exprList(s.partitionBy, inner), ctx))
  if (s.shuffleBy) parts.push(clause('SHUFFLE BY', exprList(s.shuffleBy, inner), ctx))
  const groupBy = groupByText(s, inner)
  if (groupBy) parts.push(groupBy.list === '' ? groupBy.words : clause(groupBy.words, groupBy.list, ctx))
  if (s.having) parts.push(clause('HAVING', exprText(s.having, inner), ctx))
  if (s.windows) {
    parts.push(
      `WINDOW ${s.windows.map((w) => `${quoteName(w.name)} AS ${windowText(w.def, ctx)}`).join(', ')}`,
    )
  }
  if (s.orderBy) parts.push(clause('ORDER BY', orderByText(s.orderBy, inner), ctx))
  parts.push(...limitParts(s, ctx))
  if (s.emit) parts.push(emitText(s.emit, ctx))
  return parts
}

function withText(item: Select['with'][number], ctx: PrintContext): string {
  if (item.kind === 'cte') {
    const gap = ctx.asServer ? lineBreak(ctx) : ' '
    return `${quoteName(item.name)} AS${gap}${queryInBrackets(item.query, ctx)}`
  }
  return `${exprText(item.expr, ctx, 1)} AS ${quoteName(item.name)}`
}

/** A clause's words and what belongs to it: on a line of its own, further in, where several lines are wanted. */
function clause(words: string, body: string, ctx: PrintContext): string {
  return body.startsWith('\n') ? words + body : words + lineBreak(deeper(ctx)) + body
}

function groupByText(s: Select, ctx: PrintContext): { words: string; list: string } | undefined {
  const totals = s.withTotals || s.groupByModifier === 'totals' ? ' WITH TOTALS' : ''
  const list = s.groupBy ? exprList(s.groupBy, ctx) : ''
  if (s.groupingSets) {
    const sets = s.groupingSets.map((set) => `(${exprList(set, ctx)})`).join(', ')
    return { words: 'GROUP BY GROUPING SETS', list: `(${sets})${totals}` }
  }
  if (s.groupByModifier === 'all') return { words: `GROUP BY ALL${totals}`, list: '' }
  if (s.groupBy && (s.groupByModifier === 'rollup' || s.groupByModifier === 'cube')) {
    return { words: 'GROUP BY', list: `${s.groupByModifier.toUpperCase()}(${list})${totals}` }
  }
  if (s.groupBy) return { words: 'GROUP BY', list: list + totals }
  return totals === '' ? undefined : { words: totals.trim(), list: '' }
}

function limitParts(s: Select, ctx: PrintContext): string[] {
  const parts: string[] = []
  const text = (e: Expr): string => exprText(e, ctx)
  if (s.limitBy) {
    const offset = s.limitBy.offset ? ` OFFSET ${text(s.limitBy.offset)}` : ''
    parts.push(`LIMIT ${text(s.limitBy.limit)}${offset} BY ${exprList(s.limitBy.by, ctx)}`)
  }
  if (s.limit && s.withTies) {
    parts.push(`LIMIT ${s.offset ? `${text(s.offset)}, ` : ''}${text(s.limit)} WITH TIES`)
  } else if (s.limit) {
    parts.push(`LIMIT ${text(s.limit)}${s.offset ? ` OFFSET ${text(s.offset)}` : ''}`)
  } else if (s.offset) {
    parts.push(`OFFSET ${text(s.offset)}`)
  }
  return parts
}

// ------------------------------------------------------------------ tables

export function tableText(table: TableExpr, ctx: PrintContext): string {
  switch (table.kind) {
    case 'join': {
      const words = [table.global ? 'GLOBAL' : '', table.join, table.strictness ?? '', 'JOIN'].filter(Boolean)
      const gap = lineBreak(ctx.asServer ? shallower(ctx) : ctx)
      let text = tableText(table.left, ctx) + gap + words.join(' ').toUpperCase()
      text += ` ${tableText(table.right, ctx)}`
      if (table.using) text += ` USING (${exprList(table.using, ctx)})`
      else if (table.on) text += ` ON ${exprText(table.on, ctx, 1)}`
      return text
    }
    case 'array_join': {
      const words = table.outer ? 'LEFT ARRAY JOIN' : 'ARRAY JOIN'
      return `${tableText(table.left, ctx)}${lineBreak(ctx)}${words} ${exprList(table.columns, ctx)}`
    }
    case 'raw_table':
      throw refuseRaw()
    default:
      return simpleTableText(table, ctx)
  }
}

/** A table with its alias, FINAL and SAMPLE. */
export function simpleTableText(
  table: NamedTable | TableFunction | SubqueryTable,
  ctx: PrintContext,
): string {
  let text = bareTable(table, ctx)
  if (table.alias !== undefined) {
    text += ` AS ${quoteName(table.alias)}`
    if (table.columnAliases) text += `(${table.columnAliases.map(quoteName).join(', ')})`
  }
  if (table.final) text += ' FINAL'
  if (table.sample) text += ` SAMPLE ${exprText(table.sample, ctx, 1)}`
  return text
}

function bareTable(table: NamedTable | TableFunction | SubqueryTable, ctx: PrintContext): string {
  if (table.kind === 'subquery_table') return queryInBrackets(table.query, ctx)
  if (table.kind === 'table') {
    if (!table.args) return nameText(table.name)
    return `${nameText(table.name)}(${table.args.map((a) => `${quoteName(a.name)} = ${exprText(a.value, ctx, 1)}`).join(', ')})`
  }
  const view = table.args[0]
  if (table.name.toLowerCase() === 'view' && view?.kind === 'subquery')
    return `view(${queryText(view.query, ctx)})`
  return `${functionNameText(table.name)}(${table.args.map((arg) => tableArgText(arg, ctx)).join(', ')})`
}

function tableArgText(arg: Expr | TableArg | SessionRange, ctx: PrintContext): string {
  if (arg.kind === 'table_arg') return bareTable(arg.table, ctx)
  if (arg.kind === 'session_range') {
    const text = `${exprText(arg.start, ctx, 1)}, ${exprText(arg.end, ctx, 1)}`
    return `${arg.startInclusive ? '[' : '('}${text}${arg.endInclusive ? ']' : ')'}`
  }
  return exprText(arg, ctx)
}
