import type { Expr, Join, NamedTable, Query, Select, TableExpr, TableFunction } from '../../dialect/ast.js'
import type { DictionaryObject, StreamObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import { isAggregation, relationName } from '../planner/index.js'
import { AnswerAggregate } from './answer_aggregate.js'
import { ArrayJoinSource } from './array_join.js'
import { Backfill } from './backfill.js'
import { readTarget, VIRTUAL_COLUMNS } from './bounded.js'
import { Dedup } from './dedup.js'
import { Difference } from './difference.js'
import { emptyInbox } from './dry_inbox.js'
import { type EmitPolicy, emitPolicy, refuseEmit } from './emit.js'
import { withoutLast } from './emit_last.js'
import { EnrichJoin, everything, type JoinInput, knowsKeys, type Lookup } from './enrich_join.js'
import { GlobalAggregate } from './global_aggregate.js'
import { type Ctes, isUnboundedTable, NO_CTES, withCtes, without } from './is_streaming.js'
import { joinCondition } from './join_keys.js'
import { JoinSide } from './join_side.js'
import { Keep } from './keep.js'
import { Limit, LimitBy } from './limit.js'
import { LookBack, looksBack } from './look_back.js'
import { dictionaryLookup, staticLookup, streamLookup, subqueryLookup } from './lookups.js'
import type { Operator, Source } from './operator.js'
import { walk } from './operator.js'
import type { Pipe } from './pipe.js'
import { Project } from './project.js'
import { isRanged, withinRange } from './range_join.js'
import { Recompute } from './recompute.js'
import { isKeyed, Scan } from './scan.js'
import { namedSeeks, type Seeks, withSeekOf } from './seek.js'
import {
  groupsByWindow,
  mentions,
  passedOn,
  tableNames,
  unsupported,
  withoutOver,
  withSubstreams,
} from './select_shape.js'
import { SessionAggregate } from './session_aggregate.js'
import { SessionAssign } from './session_assign.js'
import { OperatorSource } from './source.js'
import { startOf, timeConditions } from './start.js'
import { StreamJoin } from './stream_join.js'
import { SubstreamWindows } from './substream_windows.js'
import { conjuncts, functionsOf, limitNumber, selectFrom, settingsOf, VOLATILE } from './syntax.js'
import { Union } from './union.js'
import { WindowAggregate } from './window_aggregate.js'
import { WindowAssign } from './window_assign.js'

/** Default of the query setting `keep_versions`. */
const KEEP_VERSIONS = 3

type LimitByClause = NonNullable<Select['limitBy']>

/** What is in force at a place of the query tree. */
interface Place {
  ctes: Ctes
  settings: Record<string, string>
  /** Conditions on `_tp_time` that hold for all rows wanted from here. */
  time: Expr[]
  /** What WHERE demands, for the right sides of joins. */
  terms: Expr[]
}

/** A continuous query as operators. The root's LIMIT is the caller's business. */
export async function build(pipe: Pipe, query: Query): Promise<{ root: Operator; scans: Scan[] }> {
  const seeks = namedSeeks({ ...pipe.context.settings, ...settingsOf(query.settings) }.seek_to)
  const builder = new Builder(pipe, seeks)
  const root = await builder.query(query, {
    ctes: NO_CTES,
    settings: pipe.context.settings,
    time: [],
    terms: [],
  })
  for (const name of seeks?.keys() ?? []) {
    if (builder.scans.some((scan) => scan.label === name)) continue
    throw new EngineError('BAD_ARGUMENTS', `seek_to names ${name}, which the query does not read as a stream`)
  }
  return { root, scans: builder.scans }
}

class Builder {
  readonly scans: Scan[] = []
  readonly #backfill = new Backfill(this.scans)

  constructor(
    readonly pipe: Pipe,
    readonly seeks: Seeks | undefined,
  ) {}

  async query(query: Query, place: Place): Promise<Operator> {
    if (query.kind === 'select') return this.select(query, place)
    if (query.operators.some((operator) => operator !== 'union_all')) {
      throw unsupported('A set operation other than UNION ALL over streams')
    }
    const inner = { ...place, settings: { ...place.settings, ...settingsOf(query.settings) } }
    const arms: Operator[] = []
    for (const arm of query.arms) arms.push(await this.query(arm, inner))
    return new Union(arms)
  }

  async select(written: Select, outer: Place): Promise<Operator> {
    const { limit, offset, ...inner } = written
    const rows = await this.#unlimited(inner, outer)
    if (!limit && !offset) return rows
    return Limit.create(this.pipe, rows, limitNumber(offset, 'OFFSET') ?? 0, limitNumber(limit, 'LIMIT'))
  }

  async #unlimited(asked: Select, outer: Place): Promise<Operator> {
    const written = withoutLast(asked, this.pipe.env, { ...outer.settings, ...settingsOf(asked.settings) })
    if (!written.from) throw unsupported('SELECT without FROM as a part of a streaming query')
    const select = { ...withoutOver(written, this.pipe.env), from: written.from }
    const aliases = tableNames(select.from)
    const inherited = passedOn(outer.time, select)
    const terms = [...conjuncts(select.where), ...conjuncts(select.prewhere)]
    const place: Place = {
      ctes: withCtes(select, outer.ctes),
      settings: { ...outer.settings, ...settingsOf(select.settings) },
      time: [...inherited, ...timeConditions(terms, aliases)],
      terms,
    }
    const { source } = await this.from(select.from, place)
    const trimmed = {
      ...select,
      with: select.with.filter((item) => item.kind === 'expr' || mentions(select, item.name)),
    }
    if (isAggregation(select, this.pipe.env)) return this.#aggregate(trimmed, source)
    refuseEmit(select.emit, directWindow(source) !== undefined)
    const { distinct, limitBy, ...plain } = trimmed
    if (limitBy && !distinct) return this.#limitBy(plain, limitBy, source)
    if (limitBy) throw unsupported('LIMIT BY with DISTINCT in a streaming query')
    const rows = await this.#project(plain, source)
    if (!distinct) return rows
    if (distinct !== true) throw unsupported('DISTINCT ON in a streaming query')
    return Dedup.distinct(this.pipe, rows)
  }

  #project(select: Select, source: Source): Promise<Operator> {
    if (!looksBack(select)) return Project.create(this.pipe, select, source, this.#isCostly(select))
    if (!(source instanceof OperatorSource)) throw unsupported('A function of earlier rows over a join')
    return LookBack.create(this.pipe, select, source)
  }

  async #limitBy(select: Select, { limit, offset, by }: LimitByClause, source: Source): Promise<Operator> {
    const keys = by.map((expr, i): Expr => ({ kind: 'alias', expr, name: `__tp_by${i}` }))
    const rows = await this.#project({ ...select, columns: [...select.columns, ...keys] }, source)
    return LimitBy.create(
      this.pipe,
      rows,
      keys.map((_, i) => `__tp_by${i}`),
      limitNumber(offset, 'OFFSET') ?? 0,
      limitNumber(limit, 'LIMIT') ?? 0,
    )
  }

  async #aggregate(written: Select, source: Source): Promise<Operator> {
    const below = groupsByWindow(written) ? windowBelow(source) : directWindow(source)
    const assign = below instanceof WindowAssign ? below : undefined
    const session = below instanceof SessionAssign ? below : undefined
    const windowed = assign !== undefined || session !== undefined
    const policy = emitPolicy(written.emit, windowed)
    if (written.emit?.mode === 'changelog') return this.#changelog(written, source, policy)
    const select = withSubstreams(written)
    if (givesAnswers(source)) return AnswerAggregate.create(this.pipe, select, source)
    if (source.semantic === 'keyed') {
      if (assign || session) throw unsupported('A window over a keyed stream')
      const scans = this.scans.filter((scan) => source.operators.some((o) => walk(o).includes(scan)))
      const whole = { ...policy, kind: 'periodic' as const }
      const answers = await Recompute.create(this.pipe, select, scans, whole, this.#backfill)
      return policy.kind === 'on_update' ? Difference.create(this.pipe, answers) : answers
    }
    const { alias } = source as OperatorSource
    if (session) return SessionAggregate.create(this.pipe, select, session, source, policy)
    if (!assign) return GlobalAggregate.create(this.pipe, select, source, policy, this.#backfill)
    if (!written.partitionBy) {
      return WindowAggregate.create(this.pipe, select, assign, source, policy, this.#backfill)
    }
    if (!directWindow(source)) throw unsupported('PARTITION BY over a join or a subquery of windowed rows')
    return SubstreamWindows.create(this.pipe, select, assign, alias, policy, this.#backfill)
  }

  /** EMIT CHANGELOG: complete answers, and what changed from one to the next. */
  async #changelog(written: Select, source: Source, policy: EmitPolicy): Promise<Operator> {
    const deltaAt = written.columns.findIndex((c) => c.kind === 'column' && c.path.at(-1) === '_tp_delta')
    if (deltaAt < 0) {
      throw new EngineError(
        'INCORRECT_QUERY',
        'The query output requires changelog semantic, but `_tp_delta` column is not selected explicitly',
      )
    }
    const select = withSubstreams({
      ...written,
      emit: undefined,
      columns: written.columns.toSpliced(deltaAt, 1),
    })
    const whole = { ...policy, kind: 'periodic' as const }
    const scans = this.scans.filter((scan) => source.operators.some((o) => walk(o).includes(scan)))
    const answers =
      source.semantic === 'keyed'
        ? await Recompute.create(this.pipe, select, scans, whole, this.#backfill)
        : await GlobalAggregate.create(this.pipe, select, source, whole, this.#backfill)
    return Difference.create(this.pipe, answers, deltaAt)
  }

  async from(table: TableExpr, place: Place): Promise<JoinInput> {
    switch (table.kind) {
      case 'table':
        return this.#input(await this.#table(table, place), table.alias ?? table.name.name)
      case 'subquery_table':
        if (table.columnAliases)
          throw unsupported('A list of column names after the alias of a streaming subquery')
        return this.#input(await this.query(table.query, place), table.alias)
      case 'join':
        return this.#join(table, place)
      case 'table_function':
        return this.#tableFunction(table, place)
      case 'array_join': {
        const left = await this.from(table.left, place)
        return { source: new ArrayJoinSource(table, left.source), side: left.side }
      }
      case 'raw_table':
        throw unsupported('An internal relation as a stream')
    }
  }

  async #tableFunction(table: TableFunction, place: Place): Promise<JoinInput> {
    const name = table.name.toLowerCase()
    const [argument] = table.args
    if (!['tumble', 'hop', 'session', 'dedup'].includes(name) || argument?.kind !== 'table_arg') {
      throw unsupported(`Function ${table.name} over a stream`)
    }
    const inner = await this.from(argument.table, place)
    const operator = await this.#applied(name, table, inner.source.operators[0]!)
    return this.#input(operator, relationName(table))
  }

  #applied(name: string, table: TableFunction, child: Operator): Promise<Operator> {
    if (name === 'session') return SessionAssign.create(this.pipe, child, table)
    if (name === 'dedup') return Dedup.create(this.pipe, child, table)
    return WindowAssign.create(this.pipe, child, table)
  }

  #input(operator: Operator, alias: string | undefined): JoinInput {
    const columns = [...operator.columns.map((c) => c.name), ...VIRTUAL_COLUMNS]
    return { source: new OperatorSource(operator, alias), side: { relations: [{ alias, columns }] } }
  }

  async #table(table: NamedTable, place: Place): Promise<Operator> {
    const cte = table.name.database === undefined ? place.ctes.get(table.name.name) : undefined
    if (cte) return this.query(cte, { ...place, ctes: without(place.ctes, table.name.name) })
    const { catalog, external } = this.pipe.deps
    const object = readTarget(catalog.require(table.name, this.pipe.context.database), this.pipe)
    const id = this.scans.length
    const settings = withSeekOf(table.name.name, this.seeks, place.settings)
    let scan: Scan
    if (object.kind === 'stream') {
      const { start, filter } = await startOf(this.pipe, object, place.time, settings)
      scan = new Scan(this.pipe, id, object, start, table.name.name, { filter })
    } else if (object.kind === 'external_stream' || object.kind === 'random_stream') {
      const inbox = this.pipe.dry
        ? emptyInbox(object)
        : await external.attach(object, {
            owner: this.pipe.owner,
            queryId: this.pipe.context.queryId,
            seekTo: settings.seek_to,
            settings,
          })
      this.pipe.onClose(() => inbox.close())
      const options = { inbox, columns: object.columns }
      scan = new Scan(this.pipe, id, inbox.stream, { kind: 'after', sn: 0 }, table.name.name, options)
    } else {
      throw unsupported(`Reading ${table.name.name} in a streaming query`)
    }
    this.scans.push(scan)
    if (object.kind === 'stream') scan.past = scan.available
    return scan
  }

  async #join(join: Join, place: Place): Promise<JoinInput> {
    if (join.join !== 'inner' && join.join !== 'left') {
      throw unsupported(`${join.join.toUpperCase()} JOIN of streams`)
    }
    if (join.strictness === 'semi' || join.strictness === 'anti') {
      throw unsupported(`${join.strictness.toUpperCase()} JOIN of streams`)
    }
    const left = await this.from(join.left, place)
    const ranged = { ...join, on: join.on && withinRange(join.on, join, place.settings) }
    const right = await this.#appendSide(join, left, place)
    if (!right && isRanged(join.on)) throw unsupported('A range join with anything but an append stream')
    if (right && (join.strictness ?? 'all') === 'all') return this.#streamJoin(ranged, left, right)
    const lookup = right ? await this.#sideLookup(ranged, left, right) : await this.#lookup(join, left, place)
    const keepVersions = Number(place.settings.keep_versions ?? KEEP_VERSIONS)
    const known = knowsKeys(left.source, joinCondition(ranged, left.side, { relations: [lookup] }))
    const kept = known ? left : await this.#readTwice(left)
    if (join.strictness === 'asof') await this.#checkAsof(ranged, kept, lookup)
    const source = await EnrichJoin.create(ranged, kept, lookup, keepVersions)
    return { source, side: source.side }
  }

  /** The nearest row is only known where there are distances. */
  async #checkAsof(join: Join, left: JoinInput, right: Lookup): Promise<void> {
    const { inequality } = joinCondition(join, left.side, { relations: [right] })
    if (!inequality) return
    const { columns } = await this.pipe.describe(selectFrom(left.source.sample(), [inequality.left]))
    if (!/^(U?Int|Float|Decimal|Date)/.test(columns[0]!.chType)) {
      throw new EngineError('BAD_TYPE_OF_FIELD', `ASOF join not supported for type: ${columns[0]!.type}`)
    }
  }

  /** The right side as rows of an append stream; undefined where it is looked up instead. */
  async #appendSide(join: Join, left: JoinInput, place: Place): Promise<JoinInput | undefined> {
    const { right } = join
    if (!isUnboundedTable(right, this.pipe.deps.catalog, this.pipe.context.database, place.ctes))
      return undefined
    if (this.#keyedBase(right, place)) return undefined
    const aliases = tableNames(right)
    const time = timeConditions(place.terms, aliases, true)
    const input = await this.from(right, { ...place, time })
    if (input.source.semantic !== 'append' || left.source.semantic !== 'append') {
      throw unsupported('Join of a stream with this right side')
    }
    if (!(input.source instanceof OperatorSource)) throw unsupported('A join as the right side of a join')
    return input
  }

  async #streamJoin(join: Join, left: JoinInput, right: JoinInput): Promise<JoinInput> {
    if (!(left.source instanceof OperatorSource)) {
      throw unsupported('A further join of two append streams (put the first join into a subquery): this')
    }
    const condition = joinCondition(join, left.side, right.side)
    const sides = [
      await this.#joinSide(
        left,
        condition.keys.map((k) => k.left),
      ),
      await this.#joinSide(
        right,
        condition.keys.map((k) => k.right),
      ),
    ] as const
    const source = new StreamJoin(join, sides[0], sides[1], condition)
    return { source, side: source.side }
  }

  async #sideLookup(join: Join, left: JoinInput, right: JoinInput): Promise<Lookup> {
    const condition = joinCondition(join, left.side, right.side)
    return (
      await this.#joinSide(
        right,
        condition.keys.map((k) => k.right),
      )
    ).lookup()
  }

  #joinSide(input: JoinInput, keys: Expr[]): Promise<JoinSide> {
    const { operator, alias } = input.source as OperatorSource
    return JoinSide.create(this.pipe, operator, alias ?? `__tp_side_${this.scans.length}`, keys)
  }

  /** The left rows are read for the join and for its keys. */
  async #readTwice(input: JoinInput): Promise<JoinInput> {
    const { source, side } = input
    if (!(source instanceof OperatorSource)) return input
    const operator = await Keep.around(this.pipe, source.operator)
    return { source: new OperatorSource(operator, source.alias), side }
  }

  async #lookup(join: Join, left: JoinInput, place: Place): Promise<Lookup> {
    const { right } = join
    const strictness = join.strictness ?? 'all'
    const { catalog } = this.pipe.deps
    if (!isUnboundedTable(right, catalog, this.pipe.context.database, place.ctes)) {
      const dictionary = this.#dictionary(right, place)
      if (dictionary) return dictionaryLookup(dictionary, tableNames(right)[0] ?? dictionary.name.name)
      if (strictness !== 'all') throw unsupported(`${strictness.toUpperCase()} JOIN of a stream with a table`)
      const alias = tableNames(right)[0]
      return staticLookup(this.pipe, everything(right), alias ?? '__tp_right')
    }
    const stream = this.#keyedBase(right, place)
    if (!stream) throw unsupported('Join of a stream with this right side')
    if (left.source.semantic === 'keyed') throw unsupported('Join of two keyed streams')
    if (stream.mode === 'changelog_kv' && strictness !== 'all') {
      throw unsupported(`${strictness.toUpperCase()} JOIN with a changelog_kv stream on the right`)
    }
    if (right.kind === 'table') return streamLookup(this.pipe, stream, right)
    if (right.kind === 'subquery_table') return subqueryLookup(this.pipe, stream, right)
    throw unsupported('Join of a stream with this right side')
  }

  #dictionary(table: TableExpr, place: Place): DictionaryObject | undefined {
    if (table.kind !== 'table') return undefined
    if (table.name.database === undefined && place.ctes.has(table.name.name)) return undefined
    const object = this.pipe.deps.catalog.find(table.name, this.pipe.context.database)
    return object?.kind === 'dictionary' ? object : undefined
  }

  /** The keyed stream whose rows a right side shows, one for one. */
  #keyedBase(table: TableExpr, place: Place): StreamObject | undefined {
    if (table.kind === 'table') {
      if (table.name.database === undefined && place.ctes.has(table.name.name)) return undefined
      const object = readTarget(
        this.pipe.deps.catalog.require(table.name, this.pipe.context.database),
        this.pipe,
      )
      return object.kind === 'stream' && isKeyed(object) ? object : undefined
    }
    if (table.kind !== 'subquery_table' || table.query.kind !== 'select') return undefined
    const { query } = table
    const flat = query.from && !query.distinct && !query.limit && !query.limitBy && query.with.length === 0
    return flat && !isAggregation(query, this.pipe.env) ? this.#keyedBase(query.from!, place) : undefined
  }

  #isCostly(select: Select): boolean {
    for (const name of functionsOf(select)) {
      const target = this.pipe.env.lookup(name)
      if (VOLATILE.has(name) || (target && target.kind !== 'sql')) return true
    }
    return false
  }
}

/** Whether a FROM is an aggregation without windows, whose emissions replace each other. */
function givesAnswers(source: Source): boolean {
  const operator = source instanceof OperatorSource ? source.operator : undefined
  return (
    operator instanceof GlobalAggregate ||
    operator instanceof Recompute ||
    operator instanceof AnswerAggregate
  )
}

/** The windows that a FROM consists of. */
function directWindow(source: Source): WindowAssign | SessionAssign | undefined {
  const operator = source instanceof OperatorSource ? source.operator : undefined
  return operator instanceof WindowAssign || operator instanceof SessionAssign ? operator : undefined
}

/** The windows that reach a FROM through joins and subqueries that keep their rows. */
function windowBelow(source: Source): WindowAssign | SessionAssign | undefined {
  const visit = (operator: Operator): WindowAssign | SessionAssign | undefined => {
    if (operator instanceof WindowAssign || operator instanceof SessionAssign) return operator
    if (!(operator instanceof Project || operator instanceof Keep || operator instanceof Dedup))
      return undefined
    for (const child of operator.children) {
      const found = visit(child)
      if (found) return found
    }
    return undefined
  }
  return source.operators.map(visit).find((found) => found !== undefined)
}
