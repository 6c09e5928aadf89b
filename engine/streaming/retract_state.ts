import type { Expr, FunctionCall, Select, TableExpr } from '../../dialect/ast.js'
import { quoteIdentifier as id, quoteString } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import { EngineError } from '../errors.js'
import { type AggregateSplit, splitAggregate } from '../planner/index.js'
import { rewriteExpr } from '../planner/walk.js'
import { type GroupState, keysOf } from './aggregate_state.js'
import type { ChangelogAggregation } from './changelog_functions.js'
import type { JoinInput } from './enrich_join.js'
import { identity } from './identity.js'
import { KeptAnswers } from './kept_answers.js'
import { LiveRows } from './live_rows.js'
import { namesInExpressions } from './names_in.js'
import { type Batch, DELTA, type Delta } from './operator.js'
import type { Pipe } from './pipe.js'
import { over } from './project.js'
import { RowsOf } from './rows_of.js'
import { functionsOf, selectFrom } from './syntax.js'
import { traced } from './traced.js'

/** Number of rows that a partial stands for. */
const ROWS = '_rows'

/**
 * Groups of an aggregation over a changelog: the rows in force are kept, and the groups that are to answer are computed
 * from theirs. A group that has lost all of its rows stays, and answers as over nothing.
 */
export class RetractState implements GroupState {
  readonly columns: OutputColumn[] = []
  version = 0
  /** The batch that runs. */
  #seq = 0

  private constructor(
    readonly pipe: Pipe,
    readonly number: number,
    readonly rows: RowsOf,
    readonly split: AggregateSplit,
    readonly live: LiveRows,
    /** Every group that there ever was, with the last batch that touched it. */
    readonly groups: string,
    readonly keyTypes: string[],
    /** Types of the states. */
    readonly stateTypes: string[],
    /** Of functions that get every change: their states, in a table of their own. */
    readonly own: { states: readonly string[]; table: string } | undefined,
    /** What all groups are, where they are shown though few of them changed. */
    readonly kept: KeptAnswers | undefined,
    readonly isTraced: boolean,
    readonly countsEmissions: boolean,
  ) {}

  /** `isTraced`: see `traced`. */
  static async create(
    pipe: Pipe,
    { select, own }: ChangelogAggregation,
    input: JoinInput,
    isTraced: boolean,
  ): Promise<RetractState> {
    refuseEmitters(own, pipe)
    const number = pipe.nextOperator()
    const { source, side } = input
    const whole = await RowsOf.create(pipe, source, side)
    const nothing = whole.table(emptyRelation(whole), own.length > 0)
    const split = splitAggregate({ ...(over(select, nothing) as Select) }, pipe.env)
    const { sql } = await pipe.translate({ ...split.partial, from: nothing })
    const rows = await RowsOf.create(pipe, source, side, namesOf(select))
    const types = await pipe.deps.chdb.describe(sql)
    const keyTypes = types.slice(0, split.keys.length)
    const stateTypes = types.slice(split.keys.length).map(({ type }) => type)
    const keys = split.keys.map(({ name }) => name)
    const live = await LiveRows.create(pipe, number, [...keyTypes, ...rows.columns], keys)
    const order = keys.length === 0 ? 'tuple()' : `(${keys.map(id).join(', ')})`
    const groups = await pipe.table(
      `groups${number}`,
      `(${[...keyTypes.map((k) => `${id(k.name)} ${k.type}`), '_seq SimpleAggregateFunction(max, UInt64)'].join(', ')}) ` +
        `ENGINE = AggregatingMergeTree ORDER BY ${order} SETTINGS non_replicated_deduplication_window = 1000, allow_nullable_key = 1`,
    )
    const ownStates = own.length === 0 ? [] : statesOf(own, split, over(select, nothing) as Select, pipe)
    const ownTypes = ownStates.map((name) => `${id(name)} ${stateTypes[split.states.indexOf(name)]}`)
    const ownTable =
      ownStates.length > 0 &&
      (await pipe.table(
        `own${number}`,
        `(${[...keyTypes.map((k) => `${id(k.name)} ${k.type}`), ...ownTypes, '_seq SimpleAggregateFunction(max, UInt64)'].join(', ')}) ` +
          `ENGINE = AggregatingMergeTree ORDER BY ${order} SETTINGS non_replicated_deduplication_window = 1000, allow_nullable_key = 1`,
      ))
    const states = split.states
      .map((name, i) => ({ name, type: stateTypes[i]! }))
      .filter(({ name }) => !ownStates.includes(name))
    const kept =
      keys.length === 0
        ? undefined
        : await KeptAnswers.create(pipe, number, keyTypes, [...states, { name: ROWS, type: 'UInt64' }])
    const counts = functionsOf({ ...select, from: undefined }).has('emit_version')
    const state = new RetractState(
      pipe,
      number,
      rows,
      split,
      live,
      groups,
      keyTypes.map(({ type }) => type),
      stateTypes,
      ownTable ? { states: ownStates, table: ownTable } : undefined,
      kept,
      isTraced,
      counts,
    )
    const { columns } = await pipe.describe(state.#final('0', await state.#computed('0')))
    state.columns.push(...columns)
    return state
  }

  get keys(): string[] {
    return this.split.keys.map(({ name }) => name)
  }

  async add(batch: Batch, bindings: TableExpr[]): Promise<boolean> {
    this.#seq = batch.seq
    const { where, prewhere, columns } = this.split.partial
    const keys = columns.slice(0, this.keys.length)
    const filter = where && prewhere ? both(where, prewhere) : (where ?? prewhere)
    const more: Expr[] = [...keys, { kind: 'column', path: [DELTA.name] }]
    const changes = await this.rows.select(bindings, more, { where: filter, with: this.split.partial.with })
    if (changes === undefined || !(await this.live.add(batch, changes))) return false
    const list = this.keys.map(id)
    const grouped = list.length === 0 ? '' : ` GROUP BY ${list.join(', ')}`
    await this.pipe.insertState(
      this.groups,
      [...this.keys, '_seq'],
      `SELECT ${[...list, `toUInt64(${batch.seq})`].join(', ')} FROM ${this.live.changes().sql}${grouped}${list.length === 0 ? ' LIMIT 1' : ''}`,
      `${batch.seq}:groups${this.number}`,
    )
    if (this.own) await this.#addOwn(batch, this.own)
    return true
  }

  /** What functions that get every change make of the batch's. */
  async #addOwn(
    { seq }: Batch,
    { states, table }: { states: readonly string[]; table: string },
  ): Promise<void> {
    const keys = this.keys.map(id)
    const from = this.rows.table(this.live.changes().sql, true)
    const columns = this.#statesIn(states)
    const partial = selectFrom(from, [...keys.map(raw), ...columns], { groupBy: keys.map(raw) })
    const { sql } = await this.pipe.translate(partial)
    await this.pipe.insertState(
      table,
      [...this.keys, ...states, '_seq'],
      `SELECT *, toUInt64(${seq}) FROM (${sql})`,
      `${seq}:own${this.number}`,
    )
  }

  /** The partials of these states, as columns. */
  #statesIn(states: readonly string[]): Expr[] {
    return this.split.partial.columns
      .slice(this.keys.length)
      .filter((_, i) => states.includes(this.split.states[i]!))
  }

  keysOf(exprs: Expr[]): string[] {
    return keysOf(this.split, exprs)
  }

  get touches(): string {
    return this.groups
  }

  touchedSince(seq: number): string {
    if (this.keys.length === 0) return '1'
    const group = this.identityOf(this.keys)
    return `${group} IN (SELECT ${group} FROM ${this.groups} WHERE _seq > ${seq})`
  }

  async emit(condition: string): Promise<Delta | undefined> {
    if (this.countsEmissions) {
      const [row] = await this.pipe.deps.chdb.rows(`SELECT 1 FROM ${this.groups} WHERE ${condition} LIMIT 1`)
      if (!row) return undefined
    }
    const all = condition === '1' && (await this.kept?.pays(this.live.rows)) === true
    const delta = await this.#answered(condition, all ? await this.#known() : await this.#computed(condition))
    this.version++
    return delta
  }

  async answer(condition: string): Promise<Delta> {
    return this.#answered(condition, await this.#computed(condition))
  }

  async #answered(condition: string, parts: string[]): Promise<Delta> {
    this.pipe.emitVersion = this.version
    const { sql } = await this.pipe.translate(this.#final(condition, parts))
    return { sql: `(${sql})`, columns: this.columns.map(({ name }) => name) }
  }

  settle(batch: Batch): Promise<void> {
    return this.live.settle(batch)
  }

  /** Keys, states and numbers of rows of groups: a partial over nothing for each group, and those of their rows. */
  async #computed(condition: string): Promise<string[]> {
    const list = this.keys.map(id)
    const from = this.rows.table(this.live.current(condition).sql)
    const columns: Expr[] = [
      ...this.keys.map((key): Expr => ({ kind: 'alias', expr: raw(id(key)), name: key })),
      ...this.#statesIn(this.#forgetting),
      { kind: 'alias', expr: raw('count()'), name: ROWS },
    ]
    const filled = await this.pipe.translate(
      selectFrom(from, columns, { groupBy: list.map(raw), having: ANY_ROW }),
    )
    const empty = [...list, ...this.#forgetting.map((name) => this.#empty(name)), `toUInt64(0) AS ${ROWS}`]
    const known = `SELECT ${empty.join(', ')} FROM ${this.groups} WHERE ${condition}`
    return [known + (list.length === 0 ? ' LIMIT 1' : ''), filled.sql]
  }

  /** The same of all groups, those that did not change as they are written down. */
  async #known(): Promise<string[]> {
    const fresh = (since: number) => this.#computed(this.touchedSince(since))
    const rows = await this.kept!.upTo(this.#seq, fresh)
    const list = [...this.keys, ...this.#forgetting, ROWS].map(id)
    return [`SELECT ${list.join(', ')} FROM ${rows}`]
  }

  /** States of the functions that follow what is in force. */
  get #forgetting(): string[] {
    return this.split.states.filter((name) => !this.own?.states.includes(name))
  }

  #empty(state: string): string {
    const type = this.stateTypes[this.split.states.indexOf(state)]!
    return `defaultValueOfTypeName(${quoteString(type)}) AS ${id(state)}`
  }

  /** The answer over such parts, and what the functions that get every change have. */
  #final(condition: string, parts: string[]): Select {
    const { keys, own } = this
    const { states } = this.split
    const rowsOf = (has: (name: string) => boolean, rows: string) =>
      [...keys.map(id), ...states.map((name) => (has(name) ? id(name) : this.#empty(name))), rows].join(', ')
    const isOwn = (name: string) => own?.states.includes(name) === true
    const all = parts.map((part) => `SELECT ${rowsOf((name) => !isOwn(name), ROWS)} FROM (${part})`)
    if (own) {
      // Without a limit the store takes an order below a GROUP BY for needless.
      const inOrder = `(SELECT * FROM ${own.table} WHERE ${condition} ORDER BY _seq LIMIT ${Number.MAX_SAFE_INTEGER})`
      all.push(`SELECT ${rowsOf(isOwn, `toUInt64(0) AS ${ROWS}`)} FROM ${inOrder}`)
    }
    const relation = { sql: `(${all.join(' UNION ALL ')})`, columns: [...keys, ...states] }
    const final = this.split.final(relation)
    // Without a key there is one row even over nothing: only a group that there is answers.
    const having = keys.length === 0 ? { having: both(ANY_ROW, final.having) } : {}
    return this.isTraced ? traced(final, keys, `sum(${ROWS})`) : { ...final, ...having }
  }

  identityOf(keys: readonly string[]): string {
    return identity(
      keys.map(id),
      keys.map((key) => this.keyTypes[this.keys.indexOf(key)] ?? ''),
    )
  }
}

/** Functions that decide themselves when to speak stand alone. */
function refuseEmitters(own: FunctionCall[], pipe: Pipe): void {
  for (const { name } of own) {
    const target = pipe.env.lookup(name)
    if (target?.kind !== 'aggregate' || !target.customEmit) continue
    throw new EngineError(
      'NOT_IMPLEMENTED',
      'User Defined Aggregate function with own emit strategy cannot be used with other aggregate functions',
    )
  }
}

/** The states of these calls among all. */
function statesOf(calls: FunctionCall[], split: AggregateSplit, select: Select, pipe: Pipe): string[] {
  const columns = calls.map((expr, i): Expr => ({ kind: 'alias', expr, name: `__tp_own${i}` }))
  const named = select.columns.flatMap((item) =>
    item.kind === 'alias' ? [{ kind: 'expr' as const, name: item.name, expr: item.expr }] : [],
  )
  const alone = splitAggregate(
    { kind: 'select', with: [...select.with, ...named], columns, from: select.from },
    pipe.env,
  )
  const texts = new Set(alone.states.map((name) => alone.meaning[name]))
  return split.states.filter((name) => texts.has(split.meaning[name]))
}

/** What the aggregates may name of the FROM. `count(*)` names nothing. */
function namesOf(select: Select): ReadonlySet<string> | undefined {
  return namesInExpressions(
    [
      ...select.columns,
      ...select.with.flatMap((item) => (item.kind === 'expr' ? [item.expr] : [])),
      ...(select.having ? [select.having] : []),
      ...(select.orderBy ?? []).map((item) => item.expr),
    ].map(withoutStars),
  )
}

function withoutStars(expr: Expr): Expr {
  return rewriteExpr(expr, {
    expr: (e) =>
      e.kind === 'call' && e.args.some((arg) => arg.kind === 'star')
        ? { ...e, args: e.args.filter((arg) => arg.kind !== 'star') }
        : undefined,
  })
}

function emptyRelation(rows: RowsOf): string {
  const list = rows.columns.map(
    ({ name, type }) => `defaultValueOfTypeName(${quoteString(type)}) AS ${id(name)}`,
  )
  list.push(`toInt8(1) AS ${DELTA.name}`)
  return `(SELECT ${list.length === 0 ? '1' : list.join(', ')} WHERE 0)`
}

const ANY_ROW: Expr = { kind: 'raw', sql: 'count() > 0' }

function raw(sql: string): Expr {
  return { kind: 'raw', sql }
}

function both(left: Expr, right: Expr | undefined): Expr {
  return right ? { kind: 'binary', op: 'and', left, right } : left
}
