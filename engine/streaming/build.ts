import type { Expr, NamedTable, Query, Select, TableExpr, TableFunction } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import { isAggregation, relationName } from '../planner/index.js'
import { rewriteExpr } from '../planner/walk.js'
import { Aggregations, directWindow } from './aggregations.js'
import { ArrayJoinSource } from './array_join.js'
import { Backfill } from './backfill.js'
import { readTarget, VIRTUAL_COLUMNS } from './bounded.js'
import { Changelog } from './changelog.js'
import {
  changelogArguments,
  missingDelta,
  selectsDelta,
  wrongChangelogArguments,
} from './changelog_syntax.js'
import { Dedup } from './dedup.js'
import { emptyInbox } from './dry_inbox.js'
import { refuseEmit } from './emit.js'
import { withoutLast } from './emit_last.js'
import type { JoinInput } from './enrich_join.js'
import { NO_CTES, withCtes, without } from './is_streaming.js'
import { Joins } from './joins.js'
import { lagOverGroups } from './lag_over_groups.js'
import { lagOverJoins } from './lag_over_joins.js'
import { Limit, LimitBy } from './limit.js'
import { LookBack, looksBack } from './look_back.js'
import { namesIn, namesInExpressions } from './names_in.js'
import { DELTA, type Operator, type Source } from './operator.js'
import type { Pipe } from './pipe.js'
import type { Place } from './place.js'
import { Project } from './project.js'
import { pushedDown } from './push_down.js'
import { isWithin } from './range_join.js'
import { Replay, refusedReplay } from './replay.js'
import { fromThere, withSharedNames } from './reserved_columns.js'
import { isKeyed, Scan } from './scan.js'
import { namedSeeks, type Seeks, withSeekOf } from './seek.js'
import {
  byAlias,
  namedCtes,
  passedOn,
  positionsOf,
  tableNames,
  unsupported,
  withoutOver,
} from './select_shape.js'
import { SessionAssign } from './session_assign.js'
import { OperatorSource } from './source.js'
import { startOf, timeConditions } from './start.js'
import {
  callsIn,
  column,
  columnsOf,
  conjuncts,
  functionsOf,
  limitNumber,
  settingsOf,
  VOLATILE,
} from './syntax.js'
import { Union } from './union.js'
import { WindowAssign } from './window_assign.js'

type LimitByClause = NonNullable<Select['limitBy']>

/** A continuous query as operators. The root's LIMIT is the caller's business. */
export async function build(pipe: Pipe, query: Query): Promise<{ root: Operator; scans: Scan[] }> {
  const seeks = namedSeeks({ ...pipe.context.settings, ...settingsOf(query.settings) }.seek_to)
  const builder = new Builder(pipe, seeks)
  const root = await builder.query(query, {
    ctes: NO_CTES,
    settings: pipe.context.settings,
    time: [],
    terms: [],
    tracks: false,
    root: true,
  })
  if (root.semantic === 'changelog' && !root.columns.some(({ name }) => name === DELTA.name)) {
    throw missingDelta()
  }
  for (const name of seeks?.keys() ?? []) {
    if (builder.scans.some((scan) => scan.label === name)) continue
    throw new EngineError('BAD_ARGUMENTS', `seek_to names ${name}, which the query does not read as a stream`)
  }
  pipe.startedAt = pipe.clock.now()
  return { root, scans: builder.scans }
}

class Builder {
  readonly scans: Scan[] = []
  readonly #backfill = new Backfill(this.scans)
  readonly #joins: Joins
  readonly #aggregations: Aggregations

  constructor(
    readonly pipe: Pipe,
    readonly seeks: Seeks | undefined,
  ) {
    this.#aggregations = new Aggregations(pipe, this.#backfill)
    this.#joins = new Joins(pipe, (table, place) => this.from(table, place))
  }

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
    const given = withoutLast(asked, this.pipe.env, { ...outer.settings, ...settingsOf(asked.settings) })
    if (!given.from) throw unsupported('SELECT without FROM as a part of a streaming query')
    const plain = withoutOver(given, this.pipe.env)
    const overGroups = lagOverGroups(plain, this.pipe.env)
    if (overGroups) return this.select(overGroups, outer)
    const overJoins = lagOverJoins(plain)
    if (overJoins) return this.select(overJoins, outer)
    const { from = given.from, ...rest } = pushedDown(plain, this.pipe.env)
    const select = byAlias({ ...rest, from })
    const aliases = tableNames(select.from)
    const inherited = passedOn(outer.time, select)
    const ctes = withCtes(select, outer.ctes)
    const written = [...conjuncts(select.where), ...conjuncts(select.prewhere)]
    const terms = fromThere(withConstants(written, select), select.from, ctes)
    const aggregates = isAggregation(select, this.pipe.env)
    const changes = select.emit?.mode === 'changelog'
    const place: Place = {
      ctes,
      settings: { ...outer.settings, ...settingsOf(select.settings) },
      time: [...inherited, ...timeConditions(terms, aliases, false, positionsOf(from, ctes))],
      terms,
      named: namesOf(select),
      tracks: aggregates || changes || outer.tracks,
      emitsChangelog: aggregates && changes,
    }
    const input = await this.from(select.from, place)
    const meant = withSharedNames(select, input.side, ctes)
    const trimmed = {
      ...meant,
      with: [...namedCtes(select, ctes), ...select.with.filter((item) => item.kind === 'expr')],
    }
    if (aggregates) return this.#aggregations.build(trimmed, input, outer)
    refuseEmit(select.emit, input.source.semantic, directWindow(input.source) !== undefined)
    // What reads a part of a query gets `_tp_delta` with a changelog, also where that is not selected.
    const adds = input.source.semantic === 'changelog' && !outer.root && !selectsDelta(trimmed, input.source)
    const columns = adds ? [...trimmed.columns, column(DELTA.name)] : trimmed.columns
    return this.#flat({ ...trimmed, columns }, input.source)
  }

  async #flat(select: Select, source: Source): Promise<Operator> {
    if (callsIn(select).has('emit_version')) {
      throw new EngineError(
        'UNSUPPORTED',
        'emit_version() shall be only used along with streaming aggregations',
      )
    }
    const { distinct, limitBy, ...plain } = select
    if (limitBy && !distinct) return this.#limitBy(plain, limitBy, source)
    if (limitBy) throw unsupported('LIMIT BY with DISTINCT in a streaming query')
    const rows = await this.#project(plain, source)
    if (!distinct) return rows
    if (distinct !== true) throw unsupported('DISTINCT ON in a streaming query')
    return Dedup.distinct(this.pipe, rows)
  }

  #project(select: Select, source: Source): Promise<Operator> {
    if (!looksBack(select)) return Project.create(this.pipe, select, source, this.#isCostly(select))
    return LookBack.create(this.pipe, select, source as OperatorSource)
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

  async from(table: TableExpr, place: Place): Promise<JoinInput> {
    switch (table.kind) {
      case 'table':
        return this.#input(await this.#table(table, place), table.alias ?? table.name.name)
      case 'subquery_table':
        if (table.columnAliases)
          throw unsupported('A list of column names after the alias of a streaming subquery')
        return this.#input(await this.query(table.query, place), table.alias)
      case 'join':
        return this.#joins.join(table, place)
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
    const known = ['tumble', 'hop', 'session', 'dedup', 'changelog'].includes(name)
    if (!known || argument?.kind !== 'table_arg') throw unsupported(`Function ${table.name} over a stream`)
    if (name === 'changelog') {
      const operator = await this.#changelogFunction(table, argument.table, place)
      return this.#input(operator, relationName(table))
    }
    const inner = await this.from(argument.table, place)
    const operator = await this.#applied(name, table, inner.source.operators[0]!)
    return this.#input(operator, relationName(table))
  }

  /** `changelog(src[, key…[, version]][, drop_late])`. */
  async #changelogFunction(table: TableFunction, argument: TableExpr, place: Place): Promise<Operator> {
    const { columns, dropsLate } = changelogArguments(table)
    const inner = await this.from(argument, { ...place, tracks: true, dropsLate })
    const operator = inner.source.operators[0]!
    if (operator.semantic === 'changelog') {
      if (columns.length > 0) throw wrongChangelogArguments()
      return operator
    }
    if (columns.length < (dropsLate ? 2 : 1)) throw wrongChangelogArguments()
    for (const name of columns) {
      if (!operator.columns.some((c) => c.name === name)) {
        throw new EngineError('UNKNOWN_IDENTIFIER', `Missing columns: '${name}' while processing changelog`)
      }
    }
    const version = dropsLate ? columns.at(-1)! : undefined
    const keys = dropsLate ? columns.slice(0, -1) : columns
    return Changelog.create(this.pipe, operator, { keys, ...(version === undefined ? {} : { version }) })
  }

  #applied(name: string, table: TableFunction, child: Operator): Promise<Operator> {
    if (name === 'session') return SessionAssign.create(this.pipe, child, table)
    if (name === 'dedup') return Dedup.create(this.pipe, child, table)
    return WindowAssign.create(this.pipe, child, table)
  }

  #input(operator: Operator, alias: string | undefined): JoinInput {
    const columns = [...new Set([...operator.columns.map((c) => c.name), ...VIRTUAL_COLUMNS])]
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
      const replay = Replay.of(this.pipe, object, settings)
      const facts = isOn(settings.enforce_append_only)
      const filters = [filter, replay?.filter].filter((condition) => condition !== undefined)
      scan = new Scan(this.pipe, id, object, start, table.name.name, {
        replay,
        ...(filters.length === 0 ? {} : { filter: filters.map((one) => `(${one})`).join(' AND ') }),
        facts,
        deletions: !facts && place.tracks && isKeyed(object) && object.mode !== 'changelog_kv',
      })
      // What is replayed is news.
      if (!replay) scan.past = scan.available
    } else if (object.kind === 'external_stream' || object.kind === 'random_stream') {
      if (Number(settings.replay_speed ?? 0) > 0) throw refusedReplay()
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
    return scan.options.deletions ? this.#tracked(scan, place) : scan
  }

  /** The values of a keyed stream as a changelog. */
  #tracked(scan: Scan, { dropsLate }: Place): Promise<Operator> {
    const { mode, primaryKey, versionColumn } = scan.stream
    const version = mode === 'mutable' ? versionColumn : dropsLate ? (versionColumn ?? '_tp_time') : undefined
    return Changelog.create(this.pipe, scan, {
      keys: primaryKey,
      gone: `${DELTA.name} < 0`,
      quiet: dropsLate === undefined,
      ...(version === undefined ? {} : { version }),
    })
  }

  #isCostly(select: Select): boolean {
    for (const name of functionsOf(select)) {
      const target = this.pipe.env.lookup(name)
      if (VOLATILE.has(name) || (target && target.kind !== 'sql')) return true
    }
    return false
  }
}

/** Terms of a WHERE with the aliases of constants replaced by what they stand for. */
function withConstants(terms: Expr[], { columns, with: items }: Select): Expr[] {
  const named = [...columns, ...items].flatMap((item) => {
    const isNamed = item.kind === 'alias' || item.kind === 'expr'
    return isNamed && columnsOf(item.expr).length === 0 ? [[item.name, item.expr] as const] : []
  })
  const constants = new Map(named)
  const expr = (e: Expr) =>
    e.kind === 'column' && e.path.length === 1 ? constants.get(e.path[0]!) : undefined
  return constants.size === 0 ? terms : terms.map((term) => rewriteExpr(term, { expr }))
}

/** What a SELECT and the conditions of its joins may name. */
function namesOf(select: Select): ReadonlySet<string> | undefined {
  const own = namesIn(select)
  const conditions = select.from ? joinConditions(select.from) : []
  const ons = namesInExpressions(conditions)
  // A range whose columns are not said is one of event times.
  const implied = conditions.flatMap(conjuncts).some(isWithin) ? ['_tp_time'] : []
  return own && ons && new Set([...own, ...ons, ...implied])
}

function joinConditions(table: TableExpr): Expr[] {
  if (table.kind === 'array_join') return [...table.columns, ...joinConditions(table.left)]
  if (table.kind !== 'join') return []
  const own = [...(table.using ?? []), ...(table.on ? [table.on] : [])]
  return [...own, ...joinConditions(table.left), ...joinConditions(table.right)]
}

function isOn(setting: string | undefined): boolean {
  return setting === '1' || setting === 'true'
}
