import type { ObjectKind } from '../dialect/index.js'
import { UserError } from '../dialect/index.js'
import { type ProtonClient, ProtonError, quoteStream, quoteString } from '../driver/index.js'
import { fingerprint } from './fingerprint.js'
import { LEDGER, readLedger } from './ledger.js'
import { type Live, type LiveObject, type ObjectKey, objectKey } from './model.js'

/**
 * Reads what the target holds: streams, views and functions of the database, and the ledger.
 * Objects of others are only listed; the ones in `interesting` or in the ledger are looked at closely.
 * @throws UserError TARGET_UNREACHABLE
 */
export async function readLive(
  client: ProtonClient,
  interesting: Iterable<ObjectKey>,
  signal?: AbortSignal,
): Promise<Live> {
  await assertReachable(client, signal)
  const relations = await listRelations(client, signal)
  const ledger = relations.has(LEDGER) ? await readLedger(client, signal) : new Map()
  const wanted = new Set([...interesting, ...ledger.keys()])
  const objects = new Map<ObjectKey, LiveObject>()
  for (const [name, kind] of relations) {
    if (name === LEDGER || !wanted.has(objectKey(kind, name))) continue
    const shownHash = await shownRelation(client, name, signal)
    if (shownHash !== undefined)
      objects.set(objectKey(kind, name), { key: objectKey(kind, name), name, kind, shownHash })
  }
  for (const [name, shownHash] of await listFunctions(client, signal)) {
    const key = objectKey('function', name)
    if (wanted.has(key)) objects.set(key, { key, name, kind: 'function', shownHash })
  }
  return { objects, ledger }
}

/** @throws UserError TARGET_UNREACHABLE */
export async function assertReachable(client: ProtonClient, signal?: AbortSignal): Promise<void> {
  let cause: unknown
  try {
    await client.rows('SELECT 1 AS one', { signal, timeoutMs: 10_000 })
    return
  } catch (error) {
    signal?.throwIfAborted()
    // An answer, even a refusal, is none of "unreachable".
    if (error instanceof ProtonError && error.code !== 0) throw error
    cause = error
  }
  throw new UserError('TARGET_UNREACHABLE', `Nothing answers at ${client.url}.`, {
    detail: cause instanceof Error ? cause.message : undefined,
    suggestion: 'Start it (`tpctl up` for the embedded engine), or check the target in tpctl.config.ts.',
    cause,
  })
}

/** What the engine shows of one object now, as a fingerprint; undefined if it is not there. */
export async function shownObject(
  client: ProtonClient,
  kind: ObjectKind,
  name: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (kind !== 'function') return shownRelation(client, name, signal)
  return (await listFunctions(client, signal, name)).get(name)
}

const UNKNOWN_STREAM = 60

async function shownRelation(
  client: ProtonClient,
  name: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    return fingerprint(await client.text(`SHOW CREATE ${quoteStream(name)}`, 'TabSeparated', { signal }))
  } catch (error) {
    if (error instanceof ProtonError && error.code === UNKNOWN_STREAM) return undefined
    throw error
  }
}

/** Kinds by the engine's names for what stores them. */
const KIND_OF_ENGINE: [RegExp, ObjectKind][] = [
  [/materialized/i, 'materialized_view'],
  [/view/i, 'view'],
  [/external.*table/i, 'external_table'],
  [/external|kafka|pulsar/i, 'external_stream'],
  [/random/i, 'random_stream'],
  [/dictionary/i, 'dictionary'],
]

async function listRelations(client: ProtonClient, signal?: AbortSignal): Promise<Map<string, ObjectKind>> {
  const rows = await client.rows<{ name: string; engine: string }>(
    'SELECT name, engine FROM system.tables WHERE database = current_database()',
    { signal },
  )
  return new Map(
    rows.map(({ name, engine }) => [
      name,
      KIND_OF_ENGINE.find(([pattern]) => pattern.test(engine))?.[1] ?? 'stream',
    ]),
  )
}

/**
 * Functions that users made, each with a fingerprint of what the engine tells of it. Proton 1.6 tells the text of
 * SQL functions only: of a JavaScript or remote function it knows that it is there. Nothing older or newer shows
 * less, and a function that is listed can be called.
 */
async function listFunctions(
  client: ProtonClient,
  signal?: AbortSignal,
  name?: string,
): Promise<Map<string, string>> {
  const only = name === undefined ? '' : ` AND name = ${quoteString(name)}`
  const rows = await client.rows<{ name: string; create_query: string }>(
    `SELECT name, create_query FROM system.functions WHERE origin != 'System'${only}`,
    { signal },
  )
  return new Map(rows.map((row) => [row.name, fingerprint(row.create_query)]))
}
