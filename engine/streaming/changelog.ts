import { quoteIdentifier as id } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import { identity } from './identity.js'
import { Keep } from './keep.js'
import { LiveRows } from './live_rows.js'
import { type Batch, DELTA, type Delta, type Operator } from './operator.js'
import { type Pipe, unwrap } from './pipe.js'

/** How rows become a changelog. */
export interface ChangelogKeys {
  /** Columns of the input that tell whose value a row is. Empty: there is one value. */
  keys: readonly string[]
  /** A row with a smaller value than the one in force comes too late, and is dropped. */
  version?: string
  /** The store's SQL of the condition that a key has no value any more. */
  gone?: string
  /** Columns of the input that are not shown. */
  hidden?: readonly string[]
  /** Position of `_tp_delta` among the columns; default: the last. */
  deltaAt?: number
  /** `_tp_delta` can be named, and is not in `*`. */
  quiet?: boolean
}

/**
 * Values of keys → changelog: each new value of a key that had one comes with the old one retracted. Of several
 * values that one batch has for a key the last counts.
 */
export class Changelog implements Operator {
  readonly children: Operator[]
  readonly semantic = 'changelog'
  readonly costly = false
  readonly columns: OutputColumn[]

  private constructor(
    readonly pipe: Pipe,
    readonly child: Operator,
    readonly live: LiveRows,
    readonly options: ChangelogKeys,
    /** The store's SQL of a row's key. */
    readonly key: string,
  ) {
    this.children = [child]
    const shown = child.columns.filter(({ name }) => !(options.hidden?.includes(name) ?? false))
    this.columns = options.quiet ? shown : shown.toSpliced(options.deltaAt ?? shown.length, 0, DELTA)
  }

  static async create(pipe: Pipe, operator: Operator, options: ChangelogKeys): Promise<Changelog> {
    const child = await Keep.around(pipe, operator)
    const types = await pipe.deps.chdb.describe(unwrap(child.sample.sql))
    const given = new Set(child.columns.map(({ name }) => name))
    const stored = types.filter(({ name }) => given.has(name))
    const keyTypes = options.keys.map((key) => types.find(({ name }) => name === key)?.type ?? '')
    const live = await LiveRows.create(pipe, pipe.nextOperator(), stored, options.keys)
    const key = options.keys.length === 0 ? '1' : identity(options.keys.map(id), keyTypes)
    return new Changelog(pipe, child, live, options, key)
  }

  get sample(): Delta {
    return this.#shown()
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const delta = await this.child.step(batch)
    if (!delta || !(await this.live.add(batch, this.#changes(delta)))) return undefined
    return this.#shown()
  }

  settle(batch: Batch): Promise<void> {
    return this.live.settle(batch)
  }

  #shown(): Delta {
    const columns = this.columns.map(({ name }) => name)
    const { quiet, hidden } = this.options
    // An answer shows nothing beside its columns.
    const more = hidden ? [] : [...(quiet ? [DELTA.name] : []), '_tp_sn']
    const list = [...columns.map(id), ...more].join(', ')
    const sql = `(SELECT ${list} FROM ${this.live.changes().sql} ORDER BY _tp_sn)`
    if (!hidden) this.pipe.ordered.add(sql)
    return { sql, columns }
  }

  #changes(delta: Delta): string {
    const { keys, version, gone } = this.options
    const list = this.live.columns.map(({ name }) => id(name)).join(', ')
    const by = keys.length === 0 ? '' : ` BY ${keys.map(id).join(', ')}`
    const newest = version === undefined ? '' : `${id(version)} DESC, `
    const numbered = `SELECT ${list}, (${gone ?? '0'}) AS __gone, toInt64(rowNumberInAllBlocks()) AS __row FROM ${delta.sql}`
    const last = `SELECT * FROM (${numbered}) ORDER BY ${newest}__row DESC LIMIT 1${by}`
    const known = (rows: string) =>
      this.live.current(keys.length === 0 ? '1' : `${this.key} IN (SELECT ${this.key} FROM (${rows}))`).sql
    // Of equal versions the later row counts: one in force has no number.
    const winners =
      version === undefined
        ? last
        : `SELECT * FROM (SELECT * FROM (${last}) UNION ALL SELECT ${list}, 0, toInt64(-1) FROM ${known(last)}) ` +
          `ORDER BY ${newest}__row DESC LIMIT 1${by}`
    const news = version === undefined ? winners : `SELECT * FROM (${winners}) WHERE __row >= 0`
    const change = (rows: string, sign: number, row: string, where: string) =>
      `SELECT ${list}, toInt8(${sign}) AS ${DELTA.name}, ${row} AS __row FROM ${rows}${where}`
    const old = change(known(news), -1, 'toInt64(0)', '')
    const fresh = change(`(${news})`, 1, '__row', ' WHERE NOT __gone')
    return `SELECT ${list === '' ? '' : `${list}, `}${DELTA.name} FROM (${old} UNION ALL ${fresh}) ORDER BY ${DELTA.name}, __row`
  }
}
