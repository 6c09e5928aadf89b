import type { Expr, FunctionCall, Join, TableExpr } from '../../dialect/ast.js'
import type { DictionaryObject, StreamObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import { isAggregation } from '../planner/index.js'
import { aligned } from './alignment.js'
import { readTarget } from './bounded.js'
import { ChangelogJoin } from './changelog_join.js'
import { EnrichJoin, everything, type JoinInput, knowsKeys, type Lookup } from './enrich_join.js'
import { isUnboundedTable } from './is_streaming.js'
import { joinCondition } from './join_keys.js'
import { JoinSide, type Kept } from './join_side.js'
import { Keep } from './keep.js'
import { lagOf, withoutLag } from './lag_behind.js'
import { LiveRows } from './live_rows.js'
import { dictionaryLookup, liveLookup, staticLookup, streamLookup, subqueryLookup } from './lookups.js'
import { DELTA, walk } from './operator.js'
import type { Pipe } from './pipe.js'
import type { Place } from './place.js'
import { isRanged, withinRange } from './range_join.js'
import { JoinedChangelog, LiveSide, RowsOf } from './rows_of.js'
import { isKeyed, Scan } from './scan.js'
import { tableNames, unsupported } from './select_shape.js'
import { OperatorSource } from './source.js'
import { timeConditions } from './start.js'
import { StreamJoin } from './stream_join.js'
import { selectFrom } from './syntax.js'

/** Default of the query setting `keep_versions`. */
const KEEP_VERSIONS = 3

/** Which join two sides make (Proton's support matrix). */
export class Joins {
  #unnamed = 0

  constructor(
    readonly pipe: Pipe,
    readonly from: (table: TableExpr, place: Place) => Promise<JoinInput>,
  ) {}

  async join(written: Join, place: Place): Promise<JoinInput> {
    const { join, call: lag } = withoutLag(written)
    if (join.join !== 'inner' && join.join !== 'left') {
      throw unsupported(`${join.join.toUpperCase()} JOIN of streams`)
    }
    const { strictness = 'all' } = join
    if (strictness === 'semi' || strictness === 'anti') {
      throw unsupported(`${strictness.toUpperCase()} JOIN of streams`)
    }
    const all = strictness === 'all'
    const left = this.#named(await this.from(join.left, { ...place, tracks: all }))
    const stream = this.#isStream(join.right, place)
    if (left.source.semantic !== 'append' && (!all || (left.source.semantic === 'keyed' && stream))) {
      const given = left.source.semantic === 'changelog' ? 'Changelog' : 'VersionedKV'
      throw unsupportedJoin(
        `The left data stream semantic of ${join.join.toUpperCase()} ${strictness.toUpperCase()} JOIN is expected to be 'Append', but got '${given}'`,
      )
    }
    if (!stream) {
      const table = await this.#table(join, strictness, place)
      // The one `_tp_delta` of a changelog that is completed is its own.
      const columns = table.columns.filter((name) => name !== DELTA.name)
      const lookup = left.source.semantic === 'changelog' ? { ...table, columns } : table
      return this.#enrich(join, left, lookup, place)
    }
    if (lag) return this.#inStep(join, lag, left, await this.#right(join, place), place)
    if (left.source.semantic === 'changelog') {
      return this.#changelogs(join, left, await this.#right(join, place), place)
    }
    const keyed = this.#keyedBase(join.right, place)
    const current = keyed && (await this.#current(join, keyed, strictness))
    const versions = current !== undefined && asksForVersions(join, left, current, versionsOf(place))
    const byArrival = current !== undefined && (versions || isByArrival(join, left, current, keyed!))
    if (current && !byArrival) return this.#enrich(join, left, current, place)

    const whole = { ...place, settings: { seek_to: 'earliest', ...place.settings } }
    const right = await this.#right(join, versions ? whole : place)
    return this.#ofAppend(join, left, right, place, byArrival)
  }

  /** `lag_behind`: both sides as they come, each waiting for the other. */
  async #inStep(
    join: Join,
    call: FunctionCall,
    left: JoinInput,
    right: JoinInput,
    place: Place,
  ): Promise<JoinInput> {
    const sources = [left.source, right.source]
    if (!sources.every((source) => source instanceof OperatorSource)) {
      throw unsupported('lag_behind in a further join (put the first join into a subquery): this')
    }
    const lag = lagOf(call, left.side, right.side, place.settings)
    const ranged = isRanged(join.on)
    const waits = { left: !ranged, right: !ranged && join.strictness !== 'asof' }
    const pair = await aligned(this.pipe, lag, sources[0]!, sources[1]!, waits)
    const inputs = [
      { source: pair.left, side: left.side },
      { source: pair.right, side: right.side },
    ] as const
    return left.source.semantic === 'changelog'
      ? this.#changelogs(join, ...inputs, place)
      : this.#ofAppend(join, ...inputs, place, right.source.semantic === 'keyed')
  }

  /** An append stream and rows that come. `byArrival`: the right ones are taken as they arrive, whatever their keys. */
  async #ofAppend(
    join: Join,
    left: JoinInput,
    right: JoinInput,
    place: Place,
    byArrival: boolean,
  ): Promise<JoinInput> {
    const { strictness = 'all' } = join
    const all = strictness === 'all'
    const ranged = { ...join, on: join.on && withinRange(join.on, join, place.settings) }
    if (right.source.semantic !== 'append' && !byArrival) {
      if (!all || isRanged(join.on)) throw refusedChangelog(join, strictness)
      return this.#enrich(join, left, await this.#changing(join, left, right, place), place)
    }
    if (all) return this.#streams(ranged, left, right, place)
    const { keys, inequality } = joinCondition(ranged, left.side, right.side)
    const side = await this.#joinSide(
      right,
      keys.map((key) => key.right),
      place,
      inequality
        ? { kind: 'largest', by: inequality.right, versions: versionsOf(place) }
        : { kind: 'newest' },
    )
    waitsFor(right)
    return this.#enrich(ranged, left, side.lookup(), place)
  }

  /** Both sides of a join need names, so that their columns can be told apart. */
  #named(input: JoinInput): JoinInput {
    if (!(input.source instanceof OperatorSource) || input.source.alias !== undefined) return input
    const alias = `__tp_side_${++this.#unnamed}`
    const relations = input.side.relations.map((relation) => ({ ...relation, alias }))
    return { source: new OperatorSource(input.source.operator, alias), side: { relations } }
  }

  async #right(join: Join, place: Place): Promise<JoinInput> {
    const { strictness = 'all', right } = join
    const time = timeConditions(place.terms, tableNames(right), true)
    return this.#named(await this.from(right, { ...place, time, tracks: strictness === 'all' }))
  }

  async #enrich(join: Join, left: JoinInput, lookup: Lookup, place: Place): Promise<JoinInput> {
    if (isRanged(join.on)) throw unsupported('A range join with anything but an append stream')
    const known = knowsKeys(left.source, joinCondition(join, left.side, { relations: [lookup] }))
    const kept = known ? left : await this.#readTwice(left)
    if (join.strictness === 'asof') await this.#checkAsof(join, kept, lookup)
    const enriched = await EnrichJoin.create(join, kept, lookup, versionsOf(place))
    const isChangelog = enriched.semantic === 'changelog'
    const source = isChangelog
      ? await JoinedChangelog.create(this.pipe, enriched, enriched.side, place.named)
      : enriched
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

  /** Two changelogs, or values of keys as such. */
  async #changelogs(join: Join, left: JoinInput, right: JoinInput, place: Place): Promise<JoinInput> {
    if (isRanged(join.on)) throw refusedChangelog(join, 'all')
    if (right.source.semantic !== 'changelog') {
      throw unsupportedJoin(
        `'Changelog stream' ${join.join.toUpperCase()} ALL JOIN 'Append stream' is not supported`,
      )
    }
    const condition = joinCondition(join, left.side, right.side)
    const source = await ChangelogJoin.create(
      this.pipe,
      join,
      await this.#liveSide(
        left,
        condition.keys.map((key) => key.left),
        place,
      ),
      await this.#liveSide(
        right,
        condition.keys.map((key) => key.right),
        place,
      ),
      condition,
    )
    return { source, side: source.side }
  }

  /** Rows are the same when what is named of them is: a retraction may differ in the rest. */
  async #liveSide(input: JoinInput, keys: Expr[], place: Place): Promise<LiveSide> {
    const rows = await RowsOf.create(this.pipe, input.source, input.side, place.named)
    const names = keys.map((key) => rows.nameOf(key)).filter((name) => name !== undefined)
    return new LiveSide(rows, await LiveRows.create(this.pipe, this.pipe.nextOperator(), rows.columns, names))
  }

  /** A changelog as the right side of an append stream: what is in force is looked up. */
  async #changing(join: Join, left: JoinInput, right: JoinInput, place: Place): Promise<Lookup> {
    const { keys } = joinCondition(join, left.side, right.side)
    waitsFor(right)
    const side = await this.#liveSide(
      right,
      keys.map((key) => key.right),
      place,
    )
    return liveLookup(side)
  }

  async #streams(join: Join, left: JoinInput, right: JoinInput, place: Place): Promise<JoinInput> {
    const condition = joinCondition(join, left.side, right.side)
    const sides = [
      await this.#joinSide(
        left,
        condition.keys.map((key) => key.left),
        place,
      ),
      await this.#joinSide(
        right,
        condition.keys.map((key) => key.right),
        place,
      ),
    ] as const
    const source = new StreamJoin(join, sides[0], sides[1], condition)
    return { source, side: source.side }
  }

  async #joinSide(input: JoinInput, keys: Expr[], { named }: Place, kept?: Kept): Promise<JoinSide> {
    const rows = await RowsOf.create(this.pipe, input.source, input.side, named)
    return JoinSide.create(this.pipe, rows, keys, kept)
  }

  /** The left rows are read for the join and for its keys. */
  async #readTwice(input: JoinInput): Promise<JoinInput> {
    const { source, side } = input
    if (!(source instanceof OperatorSource)) return input
    const operator = await Keep.around(this.pipe, source.operator)
    return { source: new OperatorSource(operator, source.alias), side }
  }

  #table(join: Join, strictness: string, place: Place): Lookup | Promise<Lookup> {
    const { right } = join
    const alias = tableNames(right)[0]
    const dictionary = this.#dictionary(right, place)
    if (dictionary) return dictionaryLookup(dictionary, alias ?? dictionary.name.name)
    if (strictness !== 'all') throw unsupported(`${strictness.toUpperCase()} JOIN of a stream with a table`)
    return staticLookup(this.pipe, everything(right), alias ?? '__tp_right')
  }

  #dictionary(table: TableExpr, place: Place): DictionaryObject | undefined {
    if (table.kind !== 'table') return undefined
    if (table.name.database === undefined && place.ctes.has(table.name.name)) return undefined
    const object = this.pipe.deps.catalog.find(table.name, this.pipe.context.database)
    return object?.kind === 'dictionary' ? object : undefined
  }

  async #current(join: Join, stream: StreamObject, strictness: string): Promise<Lookup> {
    const { right } = join
    if (stream.mode === 'changelog_kv' && strictness !== 'all') throw refusedChangelog(join, strictness)
    if (right.kind === 'table') return streamLookup(this.pipe, stream, right)
    if (right.kind === 'subquery_table') return subqueryLookup(this.pipe, stream, right)
    throw unsupported('Join of a stream with this right side')
  }

  #isStream(table: TableExpr, place: Place): boolean {
    return isUnboundedTable(table, this.pipe.deps.catalog, this.pipe.context.database, place.ctes)
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
}

/**
 * LATEST takes the last row that arrived under the join's keys, whatever became of that row's own key since. What is in
 * force tells that row only where the join's keys are those of the stream.
 */
function isByArrival(join: Join, left: JoinInput, current: Lookup, stream: StreamObject): boolean {
  const { strictness } = join
  if ((strictness !== 'latest' && strictness !== 'any') || stream.mode !== 'versioned_kv') return false
  const { keys } = joinCondition(join, left.side, { relations: [current] })
  const names = keys.map(({ right }) => (right.kind === 'column' ? right.path.at(-1) : undefined))
  return !stream.primaryKey.every((name) => names.includes(name))
}

/** ASOF with the value that decides which row is current, and one of them kept: that is the current row. All else needs older ones. */
function asksForVersions(join: Join, left: JoinInput, current: Lookup, versions: number): boolean {
  if (join.strictness !== 'asof') return false
  const { inequality } = joinCondition(join, left.side, { relations: [current] })
  const by = inequality?.right
  return !(versions === 1 && by?.kind === 'column' && by.path.at(-1) === current.versionColumn)
}

function versionsOf({ settings }: Place): number {
  return Number(settings.keep_versions ?? KEEP_VERSIONS)
}

/** What stood on the right when the query started is read before the left is. */
function waitsFor(right: JoinInput): void {
  for (const operator of right.source.operators.flatMap(walk))
    if (operator instanceof Scan) operator.leads = true
}

function refusedChangelog(join: Join, strictness: string): EngineError {
  return unsupportedJoin(
    `The right data stream semantic of ${join.join.toUpperCase()} ${strictness.toUpperCase()} JOIN is expected to be 'Append', but got 'Changelog'`,
  )
}

function unsupportedJoin(message: string): EngineError {
  return new EngineError('NOT_IMPLEMENTED', message)
}
