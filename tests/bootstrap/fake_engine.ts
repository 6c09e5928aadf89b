import { type ProtonClient, ProtonError } from '../../driver/index.js'

interface Relation {
  engine: string
  shown: string
}

/** An engine's answers to what bootstrap asks, in memory: enough to see a plan carried out without a server. */
export class FakeEngine {
  readonly url = 'http://fake:8123'
  relations = new Map<string, Relation>()
  functions = new Map<string, string>()
  ledger = new Map<string, Record<string, unknown>>()
  /** Statements that changed something, in order. */
  executed: string[] = []
  /** How many times a new function or ledger row stays invisible to readers. */
  lag = 0
  up = true
  /** Throws what it returns, before the statement is carried out. */
  failOn: (statement: string) => Error | undefined = () => undefined
  #hidden = new Map<string, number>()
  #pendingLedger: { row: Record<string, unknown>; left: number }[] = []

  get client(): ProtonClient {
    return this as unknown as ProtonClient
  }

  async ping(): Promise<boolean> {
    return this.up
  }

  #assertUp(): void {
    if (!this.up)
      throw new ProtonError('connection refused', { code: 0, codeName: 'UNREACHABLE', url: this.url })
  }

  async rows(sql: string): Promise<Record<string, unknown>[]> {
    this.#assertUp()
    if (sql.startsWith('SELECT 1')) return [{ one: 1 }]
    if (sql.includes('FROM system.functions')) {
      const name = /AND name = '([^']+)'/.exec(sql)?.[1]
      return [...this.functions]
        .filter(([known]) => (name === undefined || known === name) && this.#visible(known))
        .map(([known, create_query]) => ({ name: known, create_query }))
    }
    if (sql.includes('FROM system.tables')) {
      const name = /AND name = '([^']+)'/.exec(sql)?.[1]
      return [...this.relations]
        .filter(([known]) => name === undefined || known === name)
        .map(([known, { engine }]) => ({ name: known, engine }))
    }
    if (sql.includes('table(tpctl_ledger)')) {
      for (const pending of this.#pendingLedger) if (--pending.left < 0) this.#settle(pending.row)
      this.#pendingLedger = this.#pendingLedger.filter(({ left }) => left >= 0)
      return [...this.ledger.values()]
    }
    throw new Error(`The fake does not know ${sql}`)
  }

  async text(sql: string): Promise<string> {
    this.#assertUp()
    const name = /^SHOW CREATE `?(\w+)`?$/.exec(sql)?.[1]
    if (!name) throw new Error(`The fake does not know ${sql}`)
    const relation = this.relations.get(name)
    if (!relation)
      throw new ProtonError(`Stream default.${name} doesn't exist.`, { code: 60, codeName: 'UNKNOWN_STREAM' })
    return relation.shown
  }

  async exec(sql: string): Promise<void> {
    this.#assertUp()
    const error = this.failOn(sql)
    if (error) throw error
    if (!sql.includes('tpctl_ledger')) this.executed.push(sql)
    const drop = /^DROP (STREAM|VIEW|FUNCTION) IF EXISTS (\w+)$/.exec(sql)
    if (drop) {
      if (drop[1] === 'FUNCTION') this.functions.delete(drop[2]!)
      else this.relations.delete(drop[2]!)
      return
    }
    const alter = /^ALTER STREAM (\w+) (.*)$/s.exec(sql)
    if (alter) {
      const relation = this.relations.get(alter[1]!)!
      relation.shown += `\n-- ${alter[2]}`
      return
    }
    const create =
      /^CREATE (OR REPLACE )?(MUTABLE STREAM|EXTERNAL STREAM|STREAM|MATERIALIZED VIEW|VIEW|AGGREGATE FUNCTION|REMOTE FUNCTION|FUNCTION) (IF NOT EXISTS )?(\w+)/.exec(
        sql,
      )
    if (!create) throw new Error(`The fake does not know ${sql}`)
    const [, orReplace, kind, ifNotExists, name] = create
    if (kind!.endsWith('FUNCTION')) {
      this.functions.set(name!, sql)
      this.#hidden.set(name!, this.lag)
      return
    }
    if (this.relations.has(name!)) {
      if (ifNotExists) return
      if (!orReplace)
        throw new ProtonError(`Stream default.${name} already exists.`, {
          code: 57,
          codeName: 'STREAM_ALREADY_EXISTS',
        })
    }
    const engine = {
      'EXTERNAL STREAM': 'ExternalStream',
      'MATERIALIZED VIEW': 'MaterializedView',
      VIEW: 'View',
    }[kind!]
    this.relations.set(name!, { engine: engine ?? 'Stream', shown: `shown: ${sql}` })
  }

  async insert(_stream: string, rows: unknown[][], options: { columns: string[] }): Promise<void> {
    this.#assertUp()
    for (const values of rows) {
      const row = Object.fromEntries(options.columns.map((column, index) => [column, values[index]]))
      row.ver = String(row.ver)
      if (this.lag > 0) this.#pendingLedger.push({ row, left: this.lag })
      else this.#settle(row)
    }
  }

  #settle(row: Record<string, unknown>): void {
    const before = this.ledger.get(row.object as string)
    if (!before || BigInt(before.ver as string) <= BigInt(row.ver as string))
      this.ledger.set(row.object as string, row)
  }

  #visible(name: string): boolean {
    const left = this.#hidden.get(name) ?? 0
    this.#hidden.set(name, left - 1)
    return left <= 0
  }
}
