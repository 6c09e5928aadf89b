import { type ProtonClient, ProtonError, quoteStream, quoteString } from '../driver/index.js'
import { fingerprint } from './fingerprint.js'
import { type DeployedKind, kindWords, traitsOf } from './kinds.js'
import { withoutSecrets } from './secrets.js'

/** What an engine tells of an object. */
export interface Shown {
  /** With what looks like a secret hidden. */
  shown: string
  /** Of all that was told. */
  shownHash: string
}

/** What the engine shows of one object now; undefined if it is not there. */
export async function shownObject(
  client: ProtonClient,
  kind: DeployedKind,
  name: string,
  signal?: AbortSignal,
): Promise<Shown | undefined> {
  if (traitsOf(kind).relation) return shownBy(client, `SHOW CREATE ${quoteStream(name)}`, signal)
  switch (kind) {
    case 'function':
      return (await shownFunctions(client, signal, name)).get(name)
    case 'named_collection':
      return shownCollection(client, name, signal)
    case 'grant':
      return shownGrants(client, name, signal)
    default:
      return shownBy(client, `SHOW CREATE ${kindWords(kind).toUpperCase()} ${quotedAs(kind, name)}`, signal)
  }
}

/** The name of a row policy is `policy ON stream`. */
function quotedAs(kind: DeployedKind, name: string): string {
  return kind === 'row_policy' ? name : quoteStream(name)
}

/** What engines answer about what is not there: streams and views, users, roles, row policies, format schemas. */
const NOT_THERE = new Set([60, 192, 511, 523, 2611])
/** Newer kinds have no code in the sources at hand; their messages agree. */
const NOT_THERE_WORDS = /doesn't exist|does not exist|not found|unknown (task|alert|dictionary)/i

function isNotThere(error: unknown): boolean {
  if (!(error instanceof ProtonError) || error.code === 0) return false
  return NOT_THERE.has(error.code) || NOT_THERE_WORDS.test(error.message)
}

async function shownBy(
  client: ProtonClient,
  statement: string,
  signal: AbortSignal | undefined,
): Promise<Shown | undefined> {
  try {
    return told(await client.text(statement, 'TabSeparated', { signal }))
  } catch (error) {
    if (isNotThere(error)) return undefined
    throw error
  }
}

/** Every right of a user or role; one without any has nothing to show. */
async function shownGrants(
  client: ProtonClient,
  name: string,
  signal?: AbortSignal,
): Promise<Shown | undefined> {
  try {
    const rows = await client.rows<Record<string, string>>(`SHOW GRANTS FOR ${quoteStream(name)}`, { signal })
    const text = rows
      .map((row) => Object.values(row)[0]!)
      .sort()
      .join(';\n')
    return text === '' ? undefined : { shown: text, shownHash: fingerprint(text) }
  } catch (error) {
    if (isNotThere(error)) return undefined
    throw error
  }
}

/** The hash is taken of the answer as it came, the text is read out of it. */
function told(answer: string): Shown {
  const [first = ''] = answer.split('\n')
  const text = first
    .split('\t')[0]!
    .replace(/\\(.)/g, (_, escaped: string) => ({ n: '\n', t: '\t', r: '\r', '0': '\0' })[escaped] ?? escaped)
  return { shown: withoutSecrets(text), shownHash: fingerprint(answer) }
}

/**
 * Functions that users made, each with what the engine tells of it. Proton 1.6 tells the text of SQL functions only,
 * and of JavaScript functions by its REST interface.
 */
export async function shownFunctions(
  client: ProtonClient,
  signal?: AbortSignal,
  name?: string,
  wanted: (name: string) => boolean = () => true,
): Promise<Map<string, Shown>> {
  const only = name === undefined ? '' : ` AND name = ${quoteString(name)}`
  const rows = await client.rows<{ name: string; create_query: string }>(
    `SELECT name, create_query FROM system.functions WHERE origin != 'System'${only}`,
    { signal },
  )
  const shown = new Map<string, Shown>()
  for (const row of rows) {
    const text = row.create_query || (wanted(row.name) ? await definitionOf(client, row.name, signal) : '')
    shown.set(row.name, { shown: withoutSecrets(text), shownHash: fingerprint(text) })
  }
  return shown
}

/** The function as REST tells it, its parts in the same order each time; nothing where that does not answer. */
async function definitionOf(client: ProtonClient, name: string, signal?: AbortSignal): Promise<string> {
  try {
    const { auth_context: _, ...told } = await client.udf(name, { signal })
    return JSON.stringify(Object.fromEntries(Object.entries(told).sort(([a], [b]) => (a < b ? -1 : 1))))
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof ProtonError) return ''
    throw error
  }
}

/** Collections are told by a system stream: by their keys, and values as far as the reader may see them. */
async function shownCollection(
  client: ProtonClient,
  name: string,
  signal?: AbortSignal,
): Promise<Shown | undefined> {
  const [row] = await client.rows<Record<string, unknown>>(
    `SELECT * FROM system.named_collections WHERE name = ${quoteString(name)}`,
    { signal },
  )
  if (!row) return undefined
  const text =
    typeof row.create_query === 'string' && row.create_query ? row.create_query : JSON.stringify(row)
  return { shown: withoutSecrets(text), shownHash: fingerprint(text) }
}
