import { hash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../../dialect/user_error.js'
import { type InsertRow, type ProtonClient, ProtonError } from '../../driver/index.js'
import { formatTs, parseTs } from '../time.js'
import { decodeMint } from './mint.js'
import { LISTED, MintTable, SEEN, STORED } from './mint_table.js'
import type { SourceRecord } from './reader.js'
import { RejectsFile } from './rejects.js'
import { type BanRow, contentOf, type ListRow, shapeRecord, type TokenList, type TokenRow } from './shapes.js'
import { type OpenSource, openSource, type SourceOptions } from './sources.js'

export interface FeedTokensOptions extends SourceOptions {
  client: ProtonClient
  /** Refused records go here, one JSON object a line. Without it they are only counted. */
  rejectsFile?: string
  /** Whether what is missing from the source has left the list. Default: only Jupiter's strict list is taken as whole. */
  full?: boolean
  /** Largest share of the listed tokens that one run may take off the list, default 0.5. More looks like a broken source. */
  maxRemovedShare?: number
  /** Feeds again and again, with this pause in milliseconds. */
  watchMs?: number
  /** Told after each run of a watch, and of a run that failed. */
  onRun?: (outcome: { summary: FeedTokensSummary } | { error: unknown }) => void
  progress?: (progress: FeedTokensProgress) => void
  batchRows?: number
}

export interface FeedTokensProgress {
  phase: 'comparing' | 'feeding' | 'removing'
  fetched: number
  written: number
  bytes: number
  totalBytes?: number
}

export interface FeedTokensSummary {
  list: TokenList
  source: string
  /** Records the source had; `valid + rejected + duplicates` of them. */
  fetched: number
  /** Distinct tokens that passed all checks; `unchanged + written` of them. */
  valid: number
  rejected: number
  /** Records that name a token a second time. The first one counts. */
  duplicates: number
  /** The stream said the same already. */
  unchanged: number
  written: number
  /** Tokens taken off the list, written as rows that say so. */
  removed: number
  /** Things a person should know of. */
  warnings: string[]
  /** Ended by request before the source's end. */
  interrupted: boolean
  seconds: number
}

interface ListTable {
  stream: string
  columns: string[]
  /** The columns that make up the content, in the order of `rowOf`. */
  content: string[]
  rowOf(values: Record<string, unknown>): ListRow
  gone(row: ListRow): ListRow
}

/** Enough for the engine to be quick, few enough for the feeder to stay small. */
const BATCH_ROWS = 5_000

const TOKEN_COLUMNS = ['address', 'symbol', 'name', 'decimals', 'logo_uri', 'tags', 'listed']
const BAN_COLUMNS = ['address', 'reason', 'banned']

/** The streams the lists are kept in. A token that leaves a list stays, marked so: deletes do not reach a join's memory. */
export const LIST_TABLES: Record<TokenList, ListTable> = {
  strict: tokenTable('token_strict_raw'),
  all: tokenTable('token_all_raw'),
  banned: {
    stream: 'token_banned_raw',
    columns: [...BAN_COLUMNS, 'updated_at'],
    content: BAN_COLUMNS,
    rowOf: (v) => ({ address: String(v.address), reason: String(v.reason), banned: Boolean(v.banned) }),
    gone: (row) => ({ ...(row as BanRow), banned: false }),
  },
}

function tokenTable(stream: string): ListTable {
  return {
    stream,
    columns: [...TOKEN_COLUMNS, 'updated_at'],
    content: TOKEN_COLUMNS,
    rowOf: (v) => ({
      address: String(v.address),
      symbol: String(v.symbol),
      name: String(v.name),
      decimals: Number(v.decimals),
      logo_uri: String(v.logo_uri),
      tags: (v.tags as string[] | null) ?? [],
      listed: Boolean(v.listed),
    }),
    gone: (row) => ({ ...(row as TokenRow), listed: false }),
  }
}

const isListed = (row: ListRow): boolean => ('banned' in row ? row.banned : row.listed)

/**
 * Brings a list's stream to what a source says: new and changed tokens are written, unchanged ones are not, and where
 * the source is the whole list, tokens missing from it are written as no longer listed (never deleted; what was once
 * strict stays so further down the pipeline). Memory is flat in everything but the number of tokens, of which a million take
 * about 100 MB. `signal` ends it after the batch in flight, with a summary.
 */
export async function feedTokens(options: FeedTokensOptions): Promise<FeedTokensSummary> {
  if (options.watchMs === undefined) return new Run(options).go()
  let last: FeedTokensSummary | undefined
  let failure: unknown
  while (!options.signal?.aborted) {
    try {
      last = await new Run(options).go()
      failure = undefined
      options.onRun?.({ summary: last })
    } catch (error) {
      failure = error
      options.onRun?.({ error })
    }
    await sleep(options.watchMs, undefined, { signal: options.signal }).catch(() => {})
  }
  if (last) return last
  throw failure ?? new UserError('ABORTED', 'Stopped before the first run.')
}

class Run {
  readonly #options: FeedTokensOptions
  readonly #table: ListTable
  readonly #known = new MintTable()
  readonly #rejects: RejectsFile
  readonly #started = Date.now()
  /** Later than every stored row's: the newest wins in these streams, and clocks have been set back before. */
  #updatedAt = formatTs(this.#started)
  readonly #summary: FeedTokensSummary
  #source!: OpenSource

  constructor(options: FeedTokensOptions) {
    this.#options = options
    this.#table = LIST_TABLES[options.list]
    this.#rejects = new RejectsFile(options.rejectsFile)
    this.#summary = {
      list: options.list,
      source: '',
      fetched: 0,
      valid: 0,
      rejected: 0,
      duplicates: 0,
      unchanged: 0,
      written: 0,
      removed: 0,
      warnings: [],
      interrupted: false,
      seconds: 0,
    }
  }

  async go(): Promise<FeedTokensSummary> {
    const summary = this.#summary
    try {
      this.#source = await openSource(this.#options)
      summary.source = this.#source.label
      const listed = await this.#loadStored()
      await this.#write(this.#changedRows(), (rows) => {
        summary.written = rows
        this.#report('feeding')
      })
      if (!summary.interrupted) await this.#removeMissing(listed)
    } finally {
      await this.#rejects.close()
    }
    summary.rejected = this.#rejects.count
    summary.seconds = (Date.now() - this.#started) / 1000
    return summary
  }

  get #stopped(): boolean {
    return this.#options.signal?.aborted ?? false
  }

  #report(phase: FeedTokensProgress['phase']): void {
    this.#options.progress?.({
      phase,
      fetched: this.#summary.fetched,
      written: this.#summary.written,
      bytes: this.#source.readBytes(),
      totalBytes: this.#source.totalBytes,
    })
  }

  /** Reads what the stream holds into hashes. Resolves with the number of tokens on the list. */
  async #loadStored(): Promise<number> {
    let listed = 0
    for await (const rows of this.#stored()) {
      for (const row of rows) {
        const mint = decodeMint(row.address)
        if (!mint) continue
        const id = this.#known.entry(mint)
        this.#known.setHash(id, digestOf(row))
        this.#known.addFlags(id, STORED)
        if (isListed(row)) {
          this.#known.addFlags(id, LISTED)
          listed++
        }
      }
      this.#report('comparing')
    }
    return listed
  }

  async *#stored(): AsyncGenerator<ListRow[]> {
    const { stream, content } = this.#table
    try {
      const sql = `SELECT ${content.join(', ')}, updated_at FROM table(${stream})`
      const { batches } = await this.#options.client.query(sql, { mode: 'table' })
      for await (const batch of batches) {
        for (const row of batch) this.#outdate(String(row.updated_at))
        yield batch.map(this.#table.rowOf)
      }
    } catch (error) {
      throw this.#targetError(error)
    }
  }

  #outdate(stored: string): void {
    // Texts of one width, so their order is that of the times; a real Proton adds a Z.
    if (stored.slice(0, 23) >= this.#updatedAt) this.#updatedAt = formatTs(parseTs(stored) + 1)
  }

  /** The rows to write, pulled by the insert as fast as the engine takes them. */
  async *#changedRows(): AsyncGenerator<InsertRow> {
    try {
      for await (const records of this.#source.records) {
        for (const record of records) {
          if (this.#stopped) {
            this.#summary.interrupted = true
            return
          }
          const row = await this.#examine(record)
          if (row) yield this.#insertRow(row)
        }
        this.#report('feeding')
      }
    } catch (error) {
      if (!this.#stopped) throw error
      this.#summary.interrupted = true
    }
  }

  /** Checks one record. The row, where it is to be written. */
  async #examine(record: SourceRecord): Promise<ListRow | undefined> {
    const summary = this.#summary
    summary.fetched++
    if ('reject' in record) {
      await this.#rejects.add({ line: record.line, reason: record.reject, raw: record.excerpt })
      return undefined
    }
    const shaped = shapeRecord(this.#options.list, record.value)
    if ('reject' in shaped) {
      await this.#rejects.add({ line: record.line, reason: shaped.reject, raw: excerpt(record.raw) })
      return undefined
    }
    const id = this.#known.entry(shaped.mint)
    const flags = this.#known.flags(id)
    const digest = digestOf(shaped.row)
    const same = this.#known.sameHash(id, digest)
    if (flags & SEEN) {
      summary.duplicates++
      // Lists that overlap describe a token each in its own words; within one file two descriptions are worth a look.
      if (!same && !this.#source.overlapping) {
        const reason = `names the token of line ${this.#known.line(id)} again with other values: the first counts`
        await this.#rejects.note({ line: record.line, reason, raw: excerpt(record.raw) })
      }
      return undefined
    }
    this.#known.addFlags(id, SEEN)
    this.#known.setLine(id, record.line)
    summary.valid++
    if (flags & STORED && same) {
      summary.unchanged++
      return undefined
    }
    this.#known.setHash(id, digest)
    return shaped.row
  }

  /** Rows for the tokens that are listed in the stream and missing from a source that is the whole list. */
  async #removeMissing(listed: number): Promise<void> {
    if (!(this.#options.full ?? this.#source.full) || listed === 0) return
    let missing = 0
    for (let id = 0; id < this.#known.size; id++) {
      const flags = this.#known.flags(id)
      if (flags & LISTED && !(flags & SEEN)) missing++
    }
    if (missing === 0) return
    const limit = this.#options.maxRemovedShare ?? 0.5
    if (missing > listed * limit) {
      this.#summary.warnings.push(
        `${missing} of ${listed} listed tokens are missing from the source. That many look like a broken source, ` +
          'so none was taken off the list.',
      )
      return
    }
    const written = this.#summary.written
    await this.#write(this.#goneRows(), (rows) => {
      this.#summary.removed = rows
      this.#summary.written = written
      this.#report('removing')
    })
  }

  async *#goneRows(): AsyncGenerator<InsertRow> {
    for await (const rows of this.#stored()) {
      for (const row of rows) {
        const mint = decodeMint(row.address)
        if (!mint || !isListed(row)) continue
        if (this.#known.flags(this.#known.entry(mint)) & SEEN) continue
        if (this.#stopped) {
          this.#summary.interrupted = true
          return
        }
        yield this.#insertRow(this.#table.gone(row))
      }
    }
  }

  #insertRow(row: ListRow): InsertRow {
    return { ...row, updated_at: this.#updatedAt }
  }

  async #write(rows: AsyncIterable<InsertRow>, onWritten: (rows: number) => void): Promise<void> {
    let ownFailure: unknown
    async function* guarded(): AsyncGenerator<InsertRow> {
      try {
        yield* rows
      } catch (error) {
        // What was pulled so far is still to be written: the source's failure must not cost the rows before it.
        ownFailure = error
      }
    }
    try {
      await this.#options.client.insert(this.#table.stream, guarded(), {
        columns: this.#table.columns,
        batchRows: this.#options.batchRows ?? BATCH_ROWS,
        // The rows replace each other by their key, so a batch may arrive twice.
        repeatable: true,
        queryIdPrefix: `feed-tokens-${randomUUID()}`,
        onBatch: ({ rows: written }) => onWritten(written),
      })
    } catch (error) {
      throw this.#targetError(error)
    }
    if (ownFailure) throw ownFailure
  }

  #targetError(error: unknown): unknown {
    if (!(error instanceof ProtonError)) return error
    const { stream } = this.#table
    if (error.codeName === 'UNKNOWN_STREAM') {
      return new UserError('TARGET_NOT_DEPLOYED', `The target has no stream ${stream}.`, {
        detail: error.message,
        suggestion: 'Deploy the project first: tpctl bootstrap',
        cause: error,
      })
    }
    const written = this.#summary.written
    const sofar =
      written > 0 ? ` ${written} rows are written; repeating the command writes only the rest.` : ''
    return new UserError(
      error.unreachable ? 'TARGET_UNREACHABLE' : 'TARGET_FAILED',
      error.unreachable ? `The target does not answer.${sofar}` : `The target refused ${stream}.${sofar}`,
      {
        detail: error.message,
        suggestion: error.unreachable ? 'Start it with: tpctl up' : undefined,
        cause: error,
      },
    )
  }
}

function digestOf(row: ListRow): Uint8Array {
  return hash('sha256', contentOf(row), 'buffer').subarray(0, 8)
}

function excerpt(raw: Buffer): string {
  return raw.subarray(0, 500).toString('utf8')
}
