import type { ObjectKind } from '../dialect/index.js'
import { UserError } from '../dialect/index.js'
import { type ProtonClient, ProtonError } from '../driver/index.js'
import { objectKey, traitsOf } from './kinds.js'
import { LEDGER, type LedgerContent, readLedger } from './ledger.js'
import type { Live, LiveObject, ObjectKey } from './model.js'
import { leftovers } from './replace/interruption.js'
import { shownFunctions, shownObject } from './shown.js'

/**
 * Reads what the target holds of the objects in `interesting` and in the ledger, and the ledger itself. Whatever else
 * is there belongs to others and is not looked at.
 * @throws UserError TARGET_UNREACHABLE
 */
export async function readLive(
  client: ProtonClient,
  interesting: Iterable<Pick<LiveObject, 'key' | 'name' | 'kind'>>,
  signal?: AbortSignal,
): Promise<Live> {
  await assertReachable(client, signal)
  const relations = await listRelations(client, signal)
  const { ledger, ...notes }: LedgerContent = relations.has(LEDGER)
    ? await readLedger(client, signal)
    : { ledger: new Map(), handovers: new Map(), asides: new Map() }
  const wanted = new Map<ObjectKey, Pick<LiveObject, 'key' | 'name' | 'kind'>>(ledger)
  for (const one of interesting) wanted.set(one.key, one)
  const isWanted = (name: string) => wanted.has(objectKey('function', name))
  const functions = await shownFunctions(client, signal, undefined, isWanted)
  const objects = new Map<ObjectKey, LiveObject>()
  for (const { key, name, kind: expected } of wanted.values()) {
    const isRelation = traitsOf(expected).relation
    const kind = isRelation ? relations.get(name) : expected
    if (kind === undefined) continue
    const shown = kind === 'function' ? functions.get(name) : await shownObject(client, kind, name, signal)
    if (shown) objects.set(key, { key, name, kind, ...shown })
  }
  return { objects, ledger, relations: new Set(relations.keys()), ...notes }
}

/** What earlier applies left half done or keep, in words. */
export async function readLeftovers(client: ProtonClient, signal?: AbortSignal): Promise<string[]> {
  const relations = new Set((await listRelations(client, signal)).keys())
  return relations.has(LEDGER) ? leftovers({ ...(await readLedger(client, signal)), relations }) : []
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

/** Kinds by the engine's names for what stores them. */
const KIND_OF_ENGINE: [RegExp, ObjectKind][] = [
  [/materialized/i, 'materialized_view'],
  [/view/i, 'view'],
  [/external.*table/i, 'external_table'],
  [/external|kafka|pulsar/i, 'external_stream'],
  [/random/i, 'random_stream'],
  [/dictionary/i, 'dictionary'],
]

export async function listRelations(
  client: ProtonClient,
  signal?: AbortSignal,
): Promise<Map<string, ObjectKind>> {
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
