import { type ProtonClient, quoteString } from '../driver/index.js'
import type { DeployedKind, LedgerEntry, ObjectKey } from './model.js'
import {
  type AsideNote,
  type DeploymentNote,
  type HandoverNote,
  isNoteKey,
  type Note,
  noteKey,
  type RebuildNote,
} from './replace/note.js'
import { until } from './until.js'

export const LEDGER = 'tpctl_ledger'

/**
 * A keyed stream in the form that every edition takes. It is written before and after each step of an apply, so
 * that an interrupted one can be told from one that never began. Texts in it have their secrets hidden.
 */
const CREATE_LEDGER = `CREATE STREAM IF NOT EXISTS ${LEDGER} (
  object string, name string, kind string, action string, sql_hash string, shown_hash string, sql string,
  deployment string, applied_at datetime64(3, 'UTC'), ver uint64, shown string, secrets_hash string
) PRIMARY KEY object SETTINGS mode = 'versioned_kv', version_column = 'ver'`

const COLUMNS = [
  'object',
  'name',
  'kind',
  'action',
  'sql_hash',
  'shown_hash',
  'sql',
  'deployment',
  'applied_at',
  'ver',
  'shown',
  'secrets_hash',
]

/** Columns that ledgers of earlier versions lack. */
const ADDED = ['shown', 'secrets_hash']

export async function ensureLedger(client: ProtonClient, signal?: AbortSignal): Promise<void> {
  await client.exec(CREATE_LEDGER, { signal, repeatable: true })
  await until(async () => (await ledgerExists(client, signal)) || undefined, {
    what: `the stream ${LEDGER} to appear`,
    signal,
  })
  const known = await ledgerColumns(client, signal)
  const missing = ADDED.filter((name) => !known.has(name))
  for (const name of missing)
    await client.exec(`ALTER STREAM ${LEDGER} ADD COLUMN IF NOT EXISTS ${name} string`, { signal })
  if (missing.length > 0)
    await until(
      async () => {
        const now = await ledgerColumns(client, signal)
        return missing.every((name) => now.has(name)) || undefined
      },
      {
        what: `the stream ${LEDGER} to show its new columns`,
        signal,
      },
    )
}

async function ledgerColumns(client: ProtonClient, signal?: AbortSignal): Promise<Set<string>> {
  const rows = await client.rows<{ name: string }>(`DESCRIBE ${LEDGER}`, { signal })
  return new Set(rows.map(({ name }) => name))
}

export async function ledgerExists(client: ProtonClient, signal?: AbortSignal): Promise<boolean> {
  const rows = await client.rows(
    `SELECT name FROM system.tables WHERE database = current_database() AND name = ${quoteString(LEDGER)}`,
    { signal },
  )
  return rows.length > 0
}

/** What was written last about each object, and about work of several steps. */
export interface LedgerContent {
  /** Without objects that were dropped. */
  ledger: Map<ObjectKey, LedgerEntry>
  handovers: Map<string, HandoverNote>
  asides: Map<string, AsideNote>
  rebuild?: RebuildNote
  deployment?: DeploymentNote
}

export async function readLedger(client: ProtonClient, signal?: AbortSignal): Promise<LedgerContent> {
  return contentOf(await readAll(client, signal))
}

function contentOf(rows: Awaited<ReturnType<typeof readAll>>): LedgerContent {
  const content: LedgerContent = { ledger: new Map(), handovers: new Map(), asides: new Map() }
  for (const [key, { entry }] of rows) {
    if (!isNoteKey(key)) {
      if (entry.action !== 'drop') content.ledger.set(key, entry)
      continue
    }
    const note = JSON.parse(entry.sql) as Note
    remember(content, note)
  }
  return content
}

function remember(content: LedgerContent, note: Note): void {
  if (note.what === 'handover') content.handovers.set(note.view, note)
  else if (note.what === 'aside') content.asides.set(note.stream, note)
  else if (note.what === 'rebuild') content.rebuild = note
  else content.deployment = note
}

type Row = Record<
  'object' | 'name' | 'kind' | 'action' | 'sql_hash' | 'shown_hash' | 'sql' | 'deployment',
  string
> & {
  ver: string | number
  shown?: string
  secrets_hash?: string
}

async function readAll(
  client: ProtonClient,
  signal?: AbortSignal,
): Promise<Map<ObjectKey, { entry: LedgerEntry; ver: bigint }>> {
  const known = await ledgerColumns(client, signal)
  const names = COLUMNS.filter((name) => name !== 'applied_at' && known.has(name))
  const rows = await client.rows<Row>(`SELECT ${names.join(', ')} FROM table(${LEDGER})`, { signal })
  return new Map(
    rows.map((row) => [
      row.object,
      {
        entry: {
          key: row.object,
          name: row.name,
          kind: row.kind as DeployedKind,
          action: row.action,
          sqlHash: row.sql_hash,
          shownHash: row.shown_hash,
          sql: row.sql,
          secretsHash: row.secrets_hash ?? '',
          shown: row.shown ?? '',
          deployment: row.deployment,
          appliedAt: Number(BigInt(row.ver) / VERSIONS_PER_MS),
        },
        ver: BigInt(row.ver),
      },
    ]),
  )
}

/** Versions are milliseconds times this, so that several writes within one keep their order. */
const VERSIONS_PER_MS = 1000n

/** Writes entries with ever larger versions, and knows how to wait until readers can see them. */
export class LedgerWriter {
  readonly #client: ProtonClient
  readonly #written = new Map<ObjectKey, bigint>()
  #lastVersion: bigint

  private constructor(
    client: ProtonClient,
    lastVersion: bigint,
    readonly content: LedgerContent,
  ) {
    this.#client = client
    this.#lastVersion = lastVersion
  }

  static async open(client: ProtonClient, signal?: AbortSignal): Promise<LedgerWriter> {
    await ensureLedger(client, signal)
    const rows = await readAll(client, signal)
    const versions = [...rows.values()].map(({ ver }) => ver)
    return new LedgerWriter(client, versions.sort((a, b) => Number(b - a))[0] ?? 0n, contentOf(rows))
  }

  /** What was noted last about a view that is handed over. */
  handover(view: string): HandoverNote | undefined {
    return this.content.handovers.get(view)
  }

  async note(note: Note, deployment: string): Promise<void> {
    remember(this.content, note)
    await this.write({
      key: noteKey(note),
      name: note.what === 'handover' ? note.view : note.what === 'aside' ? note.stream : '',
      // It is no object: readers of the ledger tell it by its key.
      kind: 'materialized_view',
      action: note.phase,
      deployment,
      sqlHash: '',
      sql: JSON.stringify(note),
      secretsHash: '',
      shown: '',
      shownHash: '',
    })
  }

  async write(entry: Omit<LedgerEntry, 'appliedAt'>): Promise<void> {
    const now = BigInt(Date.now()) * VERSIONS_PER_MS
    this.#lastVersion = now > this.#lastVersion ? now : this.#lastVersion + 1n
    const ver = this.#lastVersion
    const row = [
      entry.key,
      entry.name,
      entry.kind,
      entry.action,
      entry.sqlHash,
      entry.shownHash,
      entry.sql,
      entry.deployment,
      new Date(Number(ver / VERSIONS_PER_MS)),
      ver,
      entry.shown,
      entry.secretsHash,
    ]
    await this.#client.insert(LEDGER, [row], { columns: COLUMNS })
    this.#written.set(entry.key, ver)
  }

  /** Proton shows inserted rows to `table()` after up to some seconds; a plan made before that would be wrong. */
  async visible(signal?: AbortSignal): Promise<void> {
    if (this.#written.size === 0) return
    await until(
      async () => {
        const seen = await readAll(this.#client, signal)
        return [...this.#written].every(([key, ver]) => (seen.get(key)?.ver ?? 0n) >= ver) || undefined
      },
      { what: 'the ledger to show what was written', signal, timeoutMs: 60_000 },
    )
  }
}
