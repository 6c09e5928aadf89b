import {
  type AccessStatement,
  type Alter,
  type ColumnDef,
  type CreateStream,
  createdObject,
  dependencies,
  type Edition,
  parseAccessCommand,
  parseStatement,
  printAccess,
  printStatement,
  type Setting,
  type Statement,
} from '../../dialect/index.js'
import { type ProtonClient, ProtonError } from '../../driver/index.js'

type GrantCommand = Extract<ReturnType<typeof parseAccessCommand>, { kind: 'grant' }>

/** What stands in `system.tables` for each kind of relation. */
const ENGINES: Partial<Record<Statement['kind'], string>> = {
  create_stream: 'Stream',
  create_external_stream: 'ExternalStream',
  create_random_stream: 'Random',
  create_view: 'View',
  create_materialized_view: 'MaterializedView',
  create_dictionary: 'Dictionary',
}

/** The words of SHOW CREATE for kinds that are no relations. */
const WORDS: Partial<Record<Statement['kind'], string>> = {
  create_format_schema: 'FORMAT SCHEMA',
  create_task: 'TASK',
  create_alert: 'ALERT',
}

const refused = (code: number, codeName: string, message: string) =>
  new ProtonError(message, { code, codeName })

/**
 * An engine's answers to what bootstrap asks, in memory: enough to see a plan carried out without a server. It reads
 * statements with the real parser, and shows them the way Proton does: with its own layout, names and defaults.
 */
export class FakeEngine {
  readonly url = 'http://fake:8123'
  relations = new Map<string, { statement: Statement; shown: string }>()
  functions = new Map<string, string>()
  others = new Map<string, { statement: Statement; shown: string }>()
  /** What users and roles were granted, as one statement a right. */
  grants = new Map<string, Set<string>>()
  ledger = new Map<string, Record<string, unknown>>()
  ledgerColumns: string[] = []
  /** Statements that changed something, in order. */
  executed: string[] = []
  /** How many times a new function or ledger row stays invisible to readers. */
  lag = 0
  up = true
  /** Throws what it returns, before the statement is carried out. */
  failOn: (statement: string) => Error | undefined = () => undefined
  #hidden = new Map<string, number>()
  /** Materialized views that stand still. */
  paused = new Set<string>()
  #pendingLedger: { row: Record<string, unknown>; left: number }[] = []

  constructor(readonly edition: Edition = 'embedded') {}

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
    if (sql.startsWith('SELECT to_string(now64')) return [{ now: '2026-01-01 00:00:00.000' }]
    if (sql.includes('state_log)')) return this.#stateLog(/\bname = '([^']+)'/.exec(sql)![1]!)
    if (sql.startsWith('DESCRIBE tpctl_ledger')) return this.ledgerColumns.map((name) => ({ name }))
    const described = /^DESCRIBE (\w+)$/.exec(sql)?.[1]
    if (described) {
      const { columns } = this.relations.get(described)!.statement as CreateStream
      return [...columns, ...TIME.columns].map(({ name }) => ({ name }))
    }
    const wanted = /\bname = '([^']+)'/.exec(sql)?.[1]
    if (sql.includes('FROM system.functions'))
      return [...this.functions]
        .filter(([known]) => (wanted === undefined || known === wanted) && this.#visible(known))
        .map(([name, text]) => ({ name, create_query: this.restOnly ? '' : text }))
    if (sql.includes('FROM system.tables'))
      return [...this.relations]
        .filter(([known]) => wanted === undefined || known === wanted)
        .map(([name, { statement }]) => ({ name, engine: ENGINES[statement.kind] ?? 'Stream' }))
    if (sql.includes('FROM system.named_collections')) {
      const found = this.others.get(`NAMED COLLECTION ${wanted}`)
      return found ? [{ name: wanted, create_query: found.shown }] : []
    }
    if (sql.includes('table(tpctl_ledger)')) {
      for (const pending of this.#pendingLedger) if (--pending.left < 0) this.#settle(pending.row)
      this.#pendingLedger = this.#pendingLedger.filter(({ left }) => left >= 0)
      return [...this.ledger.values()]
    }
    if (sql.startsWith('SELECT count()')) return [{ rows: '0' }]
    const grantee = /^SHOW GRANTS FOR (\w+)$/.exec(sql)?.[1]
    if (grantee) return [...(this.grants.get(grantee) ?? [])].map((grants) => ({ grants }))
    throw new Error(`The fake does not know ${sql}`)
  }

  async text(sql: string): Promise<string> {
    this.#assertUp()
    const [, words, name] = /^SHOW CREATE (?:([A-Z ]+) )?`?(\w+(?: ON \w+)?)`?$/.exec(sql) ?? []
    if (!name) throw new Error(`The fake does not know ${sql}`)
    const found = words ? this.others.get(`${words} ${name}`) : this.relations.get(name)
    if (!found) throw refused(60, 'UNKNOWN_STREAM', `Stream default.${name} doesn't exist.`)
    return `${found.shown.replace(/[\\'\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}\n`
  }

  /** With `restOnly`, system.functions keeps the texts to itself, as Proton 1.6 does for JavaScript. */
  restOnly = false

  async udf(name: string): Promise<Record<string, unknown>> {
    this.#assertUp()
    const source = this.functions.get(name)
    if (source === undefined)
      throw refused(46, 'UNKNOWN_FUNCTION', `User-defined function '${name}' doesn't exist`)
    return { type: 'javascript', name, source }
  }

  async exec(sql: string): Promise<void> {
    this.#assertUp()
    const error = this.failOn(sql)
    if (error) throw error
    if (!sql.includes('tpctl_ledger')) this.executed.push(sql)
    const [, order, view] = /^SYSTEM (PAUSE|RESUME) MATERIALIZED VIEW (\w+)/.exec(sql) ?? []
    if (view) {
      if (order === 'PAUSE') this.paused.add(view)
      else this.paused.delete(view)
      return
    }
    const statement = parseStatement(sql)
    if (statement.kind === 'rename') {
      for (const { from, to } of statement.pairs) {
        this.relations.set(to.name, this.relations.get(from.name)!)
        this.relations.delete(from.name)
      }
      return
    }
    if (statement.kind === 'drop') {
      const name = statement.names.map((part) => part.name).join(' ON ')
      if (statement.object === 'function') this.functions.delete(name)
      else if (!this.others.delete(`${statement.object.toUpperCase().replace('_', ' ')} ${name}`))
        this.relations.delete(name)
      return
    }
    if (statement.kind === 'alter') return this.#alter(statement)
    if (statement.kind === 'access') return this.#access(statement)
    this.#create(statement, sql)
  }

  #create(statement: Statement, sql: string): void {
    const created = createdObject(statement)
    if (!created || !('orReplace' in statement)) throw new Error(`The fake does not know ${sql}`)
    const { name } = created.name
    if (statement.kind === 'create_function') {
      this.functions.set(name, sql)
      this.#hidden.set(name, this.lag)
      return
    }
    const words = statement.kind === 'create_named_collection' ? 'NAMED COLLECTION' : WORDS[statement.kind]
    const kept = { statement, shown: shownText(statement) }
    if (words) {
      if (this.others.has(`${words} ${name}`) && !statement.orReplace)
        throw refused(57, 'ALREADY_EXISTS', `${words} ${name} already exists.`)
      this.others.set(`${words} ${name}`, kept)
      return
    }
    if (this.relations.has(name)) {
      if (statement.ifNotExists) return
      if (!statement.orReplace)
        throw refused(57, 'STREAM_ALREADY_EXISTS', `Stream default.${name} already exists.`)
    }
    this.relations.set(name, kept)
    if (name === 'tpctl_ledger') this.ledgerColumns = (statement as CreateStream).columns.map((c) => c.name)
  }

  /** A view that is paused has read ten rows of each of its sources. */
  #stateLog(view: string): Record<string, unknown>[] {
    const statement = this.relations.get(view)?.statement
    if (statement?.kind !== 'create_materialized_view' || !this.paused.has(view)) return []
    const sources = this.#sourcesOf(statement)
    return [
      {
        state_name: 'status',
        dimension: 'materialized_view',
        state_value: '0',
        state_string_value: 'Paused',
      },
      ...sources.flatMap((dimension) =>
        ['processed_sn', 'ckpt_sn'].map((state_name) => ({
          state_name,
          dimension,
          state_value: '9',
          state_string_value: '',
        })),
      ),
    ]
  }

  /** Also those behind plain views. */
  #sourcesOf(statement: Statement): string[] {
    if (statement.kind !== 'create_materialized_view' && statement.kind !== 'create_view') return []
    return dependencies({ kind: 'query', query: statement.query }).flatMap(({ name }) => {
      const source = this.relations.get(name)?.statement
      return source?.kind === 'create_view' ? this.#sourcesOf(source) : [name]
    })
  }

  #access(statement: AccessStatement): void {
    const command = parseAccessCommand(statement)
    if (command.kind === 'grant') {
      this.#grant(command)
      return
    }
    if (command.kind !== 'user' && command.kind !== 'role' && command.kind !== 'row_policy')
      throw new Error(`The fake does not know ${statement.text}`)
    const name =
      command.kind === 'row_policy'
        ? command.policies.map((policy) => `${policy.name} ON ${policy.on.name}`)[0]!
        : command.names[0]!
    const key = `${command.kind.toUpperCase().replace('_', ' ')} ${name}`
    if (this.others.has(key) !== command.alter)
      throw command.alter
        ? refused(192, 'UNKNOWN_USER', `There is no ${key}`)
        : refused(493, 'ACCESS_ENTITY_ALREADY_EXISTS', `${key} already exists`)
    const shown = printAccess({ ...command, alter: false })
    this.others.set(key, { statement, shown: shown.replace(/ BY '.*?'/, '') })
  }

  #grant({ revoke, elements, roles, to, grantOption, optionFor }: GrantCommand): void {
    const pieces = [
      ...roles.map((role) => `GRANT ${role} TO`),
      ...elements.flatMap(({ privileges, name }) =>
        privileges.map(
          (one) => `GRANT ${one.name}${one.columns ? `(${one.columns})` : ''} ON default.${name} TO`,
        ),
      ),
    ]
    for (const name of to.names) {
      const has = this.grants.get(name) ?? new Set()
      this.grants.set(name, has)
      if (revoke && pieces.some((piece) => piece.startsWith('GRANT ALL ')))
        for (const piece of has) if (piece.includes(' ON ')) has.delete(piece)
      for (const piece of pieces) {
        const [plain, passable] = [`${piece} ${name}`, `${piece} ${name} WITH GRANT OPTION`]
        const had = has.delete(plain) || has.delete(passable)
        if (!revoke) has.add(grantOption ? passable : plain)
        else if (had && optionFor) has.add(plain)
      }
    }
  }

  #alter({ object, name, actions }: Alter): void {
    const found =
      object === 'named_collection'
        ? this.others.get(`NAMED COLLECTION ${name.name}`)
        : this.relations.get(name.name)
    if (!found) throw refused(60, 'UNKNOWN_STREAM', `Stream default.${name.name} doesn't exist.`)
    for (const action of actions) {
      if (name.name === 'tpctl_ledger' && action.kind === 'add_column')
        this.ledgerColumns.push(action.column.name)
      found.statement = altered(found.statement, action)
    }
    found.shown = shownText(found.statement)
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

/** The statement that an object has after ALTER. */
function altered(statement: Statement, action: Alter['actions'][number]): Statement {
  const stream = statement as CreateStream
  const merged = (before: Setting[], after: Setting[]) => [
    ...before.filter(({ name }) => !after.some((setting) => setting.name === name)),
    ...after,
  ]
  switch (action.kind) {
    case 'add_column':
      return { ...stream, columns: [...stream.columns, action.column] }
    case 'modify_ttl':
      return { ...stream, ttl: action.ttl }
    case 'remove_ttl':
      return { ...stream, ttl: undefined }
    case 'modify_setting':
      return { ...stream, settings: merged(stream.settings, action.settings) }
    case 'reset_setting':
      return { ...stream, settings: stream.settings.filter(({ name }) => !action.names.includes(name)) }
    case 'add_index':
      return { ...stream, indexes: [...stream.indexes, action.index] }
    case 'drop_index':
      return { ...stream, indexes: stream.indexes.filter(({ name }) => name !== action.name) }
    case 'modify_query':
      if (statement.kind !== 'create_materialized_view') break
      return { ...statement, query: action.query }
    case 'modify_query_setting':
    case 'reset_query_setting': {
      if (statement.kind !== 'create_materialized_view') break
      const settings = statement.query.settings ?? []
      const next =
        action.kind === 'modify_query_setting'
          ? merged(settings, action.settings)
          : settings.filter(({ name }) => !action.names.includes(name))
      return {
        ...statement,
        query: { ...statement.query, settings: next.length > 0 ? next : undefined },
      }
    }
    case 'set_keys':
    case 'delete_keys': {
      if (statement.kind !== 'create_named_collection') break
      const entries = action.kind === 'set_keys' ? action.entries : []
      const gone = new Set(action.kind === 'set_keys' ? entries.map(({ name }) => name) : action.names)
      return {
        ...statement,
        entries: [...statement.entries.filter(({ name }) => !gone.has(name)), ...entries],
      }
    }
  }
  throw new Error(`The fake cannot alter by ${action.kind}`)
}

const TIME = parseStatement(
  "CREATE STREAM t (_tp_time datetime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(DoubleDelta, LZ4), INDEX _tp_time_index _tp_time TYPE minmax GRANULARITY 2) PARTITION BY to_YYYYMMDD(_tp_time) ORDER BY to_start_of_hour(_tp_time) SETTINGS index_granularity = 8192",
) as CreateStream

/** As Proton shows it: in its database, with what it adds on its own. */
function shownText(given: Statement): string {
  const statement = structuredClone(given)
  if ('name' in statement && typeof statement.name === 'object' && !WORDS[statement.kind])
    (statement.name as { database?: string }).database = 'default'
  const withTime = (columns: ColumnDef[]) => [...columns, ...TIME.columns]
  switch (statement.kind) {
    case 'create_stream':
      statement.columns = withTime(statement.columns)
      statement.indexes = [...TIME.indexes, ...statement.indexes]
      statement.partitionBy ??= TIME.partitionBy
      if (!statement.mutable) statement.orderBy ??= statement.primaryKey ?? TIME.orderBy
      statement.settings = [...statement.settings, ...TIME.settings]
      break
    case 'create_random_stream':
      statement.columns = withTime(statement.columns)
      break
    case 'create_view':
    case 'create_materialized_view':
      statement.columns = [{ name: 'shown', type: { name: 'string', args: [] } }]
      break
  }
  Object.assign(statement, { ifNotExists: false, orReplace: false })
  return printStatement(statement, { pretty: true })
}
