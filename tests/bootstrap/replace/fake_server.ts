import { withNames } from '../../../bootstrap/replace/next_version.js'
import {
  dependencies,
  type Edition,
  parseStatement,
  printStatement,
  type Statement,
  UserError,
} from '../../../dialect/index.js'
import { FakeEngine } from '../fake_engine.js'

/** Every stream that is not made in the course of things has got so many rows, and every view has read them. */
export const ROWS = 10

const all = () => Array.from({ length: ROWS }, (_, n) => n)

/** A fake that can be killed at any of its steps, and whose streams have rows. */
export class FakeServer extends FakeEngine {
  /** Sequence numbers of the rows, as they came. */
  readonly rowsOf = new Map<string, number[]>()
  /** Statements and notes that reached it. */
  steps = 0
  /** The step at which tpctl is killed, and whether the statement has been carried out by then. */
  killAt: { step: number; done: boolean } | undefined
  /** Views that were made again and begin with what comes next: rows are lost between. */
  readonly complaints: string[] = []
  /** Streams and views that were made before. */
  readonly #known = new Set<string>()
  /** Ids of what was copied into a stream. */
  readonly #copied = new WeakMap<number[], Set<string>>()

  constructor(edition: Edition) {
    super(edition)
  }

  override async exec(sql: string): Promise<void> {
    await this.#step(sql, () => this.#carryOut(sql))
  }

  override async insert(stream: string, rows: unknown[][], options: { columns: string[] }): Promise<void> {
    await this.#step(`INSERT INTO ${stream}`, () => super.insert(stream, rows, options))
  }

  async #step(what: string, body: () => Promise<void>): Promise<void> {
    this.steps++
    const kill = this.killAt?.step === this.steps ? this.killAt : undefined
    if (!kill || kill.done) await body()
    if (kill) throw new UserError('KILLED', `${kill.done ? 'after' : 'before'} ${what}`)
  }

  override async rows(sql: string): Promise<Record<string, unknown>[]> {
    if (sql.includes('FROM system.materialized_views')) return this.#views()
    if (sql.includes('FROM system.stream_metrics')) {
      const name = /name = '([^']+)'/.exec(sql)![1]!
      return [{ last_sn: (this.rowsOf.get(name) ?? []).length }]
    }
    const counted = /^SELECT count\(\) AS rows, max\(_tp_sn\) AS last FROM table\((\w+)\)/.exec(sql)?.[1]
    if (counted) {
      const { length } = this.rowsOf.get(counted) ?? []
      return [{ rows: length, last: length - 1 }]
    }
    return super.rows(sql)
  }

  #views(): Record<string, unknown>[] {
    return [...this.relations].flatMap(([name, { statement }]) => {
      if (statement.kind !== 'create_materialized_view') return []
      const sources = dependencies({ kind: 'query', query: statement.query }).map((source) => {
        const count = (this.rowsOf.get(source.name) ?? []).length
        return { name: source.name, processed: count, available: count, seek: String(count) }
      })
      const state = this.paused.has(name) ? 'paused' : 'running'
      return [{ name, state, lag: 0, last_error: '', sources: JSON.stringify(sources) }]
    })
  }

  async #carryOut(sql: string): Promise<void> {
    if (/^INSERT INTO/.test(sql)) return this.#copy(sql)
    const statement = /^SYSTEM/.test(sql) ? undefined : parseStatement(sql)
    if (statement?.kind === 'rename') {
      this.executed.push(sql)
      return this.#rename(statement.pairs.map(({ from, to }) => [from.name, to.name]))
    }
    await super.exec(sql)
    if (statement?.kind === 'drop')
      for (const { name } of statement.names) {
        this.rowsOf.delete(name)
        this.paused.delete(name)
      }
    // What a view that reads everything again writes, when it has caught up.
    if (statement?.kind === 'create_materialized_view' && statement.into) {
      const [, seek = ''] = /seek_to = '([^']*)'/.exec(sql) ?? []
      if (/__next$/.test(statement.name.name) || seek.includes('earliest'))
        this.rowsOf.set(statement.into.name, all())
      const { name } = statement.name
      if (seek === '' && this.#known.has(name) && !/__next$/.test(name)) this.complaints.push(name)
      this.#known.add(name)
    }
    const made = statement?.kind === 'create_stream' ? statement.name.name : undefined
    if (!made || this.rowsOf.has(made)) return
    this.rowsOf.set(made, this.#known.has(made) || /__next$/.test(made) ? [] : all())
    this.#known.add(made)
  }

  #copy(sql: string): void {
    const [, to, id, from, low, high] =
      /^INSERT INTO (\w+) .* idempotent_id = '([^']+)' SELECT .* FROM table\((\w+)\) WHERE _tp_sn >= (\d+) AND _tp_sn < (\d+)/.exec(
        sql,
      ) ?? []
    if (!to || !from || !id) throw new Error(`The fake does not know ${sql}`)
    const target = this.rowsOf.get(to)!
    const ids = this.#copied.get(target) ?? new Set()
    if (!ids.has(id)) target.push(...this.rowsOf.get(from)!.slice(Number(low), Number(high)))
    this.#copied.set(target, ids.add(id))
  }

  #rename(pairs: [from: string, to: string][]): void {
    const names = new Map(pairs)
    const moved = pairs.map(([from, to]) => {
      const kept = this.relations.get(from)!
      const statement = withNames(kept.statement, names) as Statement & { name: { name: string } }
      const shown = printStatement(withNames(parseStatement(kept.shown), names), { pretty: true })
      return {
        from,
        to,
        kept: { statement, shown },
        rows: this.rowsOf.get(from),
        stands: this.paused.has(from),
      }
    })
    for (const { from } of moved) {
      this.relations.delete(from)
      this.rowsOf.delete(from)
      this.paused.delete(from)
    }
    for (const { to, kept, rows, stands } of moved) {
      this.relations.set(to, kept)
      if (rows) this.rowsOf.set(to, rows)
      if (stands) this.paused.add(to)
    }
  }

  /** All that is there, to be compared. */
  look(): Record<string, unknown> {
    return Object.fromEntries(
      [...this.relations]
        .filter(([name]) => name !== 'tpctl_ledger')
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { statement }]) => [
          name,
          { sql: textOf(statement), rows: this.rowsOf.get(name), stands: this.paused.has(name) },
        ]),
    )
  }
}

/** Without what renaming and beginnings leave in it. */
function textOf(statement: Statement): string {
  return printStatement(statement)
    .replace(/ SETTINGS seek_to = '[^']*'/, '')
    .replaceAll(/\b(\w+) AS \1\b/g, '$1')
}
