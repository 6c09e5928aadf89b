import { type Edition, UserError } from '../dialect/index.js'
import { type ProtonClient, ProtonError } from '../driver/index.js'
import { connect, type NamedTarget, type Target } from './target.js'

/** What a server tells of itself. */
export interface Server {
  /** `1.6.1`. */
  version: string
  /** Absent: what it tells is not enough to know. */
  edition?: Edition
}

/** What `/proton/info` says of the program: Proton since 1.5, Timeplus Enterprise and the embedded engine. */
interface Build {
  edition?: string
  name?: string
  version?: string
}

/**
 * Asks a server what it is: by REST, which needs no login; where that is closed, in SQL. Changes nothing.
 * @throws ProtonError where nothing answers, or the login is refused
 */
export async function askServer(client: ProtonClient, signal?: AbortSignal): Promise<Server> {
  const build = (await toldByRest(client, signal)) ?? (await toldBySql(client, signal))
  return serverOf(build)
}

async function toldByRest(client: ProtonClient, signal?: AbortSignal): Promise<Build | undefined> {
  try {
    const { build } = await client.info({ signal, timeoutMs: 5_000 })
    return typeof build === 'object' && build !== null ? (build as Build) : undefined
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof ProtonError) return undefined
    throw error
  }
}

async function toldBySql(client: ProtonClient, signal?: AbortSignal): Promise<Build> {
  const options = { signal, timeoutMs: 5_000 }
  const [row] = await client.rows<{ version: string }>('SELECT version() AS version', options)
  const version = row?.version ?? ''
  try {
    const [build] = await client.rows<{ value: string }>(
      "SELECT value FROM system.build_options WHERE name = 'EDITION'",
      options,
    )
    return { version, edition: build?.value }
  } catch (error) {
    signal?.throwIfAborted()
    // Not every user may read it, and not every version has it: the version alone may do.
    if (error instanceof ProtonError) return { version }
    throw error
  }
}

/** Pure: what a program is by what it says. */
export function serverOf({ edition = '', name = '', version: said = '' }: Build): Server {
  const version = said.replace(/^v/, '')
  const major = Number.parseInt(version, 10)
  const known = (): Edition | undefined => {
    if (edition === 'embedded') return 'embedded'
    if (/enterprise/i.test(edition) || /timeplusd|enterprise/i.test(name)) return 'enterprise'
    // There is no open Proton between 1 and 3, and no Enterprise of version 1.
    if (major === 1) return 'oss-1.6'
    if (major === 2) return 'enterprise'
    return edition === 'oss' && major >= 3 ? 'oss-3' : undefined
  }
  const found = known()
  return { version, ...(found ? { edition: found } : {}) }
}

/** What servers said in this process, by where they are. */
const found = new Map<string, Promise<Edition>>()

/**
 * The target with its edition: the config's, or what its server says it is, asked once.
 * @throws UserError TARGET_UNREACHABLE, EDITION_UNKNOWN
 */
export async function settled(target: NamedTarget): Promise<Target> {
  const { edition } = target
  if (edition !== 'auto') return { ...target, edition }
  const place = JSON.stringify([target.url, target.streamUrl, target.username])
  const asked = found.get(place) ?? detect(target)
  found.set(place, asked)
  try {
    return { ...target, edition: await asked }
  } catch (error) {
    found.delete(place)
    throw error
  }
}

async function detect(target: NamedTarget): Promise<Edition> {
  const client = connect(target)
  const suggestion = `Say what it is: \`edition\` of the target '${target.name}' in tpctl.config.ts, or --edition for commands that need no server.`
  let server: Server
  try {
    server = await askServer(client)
  } catch (cause) {
    if (!(cause instanceof ProtonError)) throw cause
    if (cause.code !== 0)
      throw new UserError('EDITION_UNKNOWN', `What runs at ${target.url} does not tell its edition.`, {
        detail: cause.message,
        suggestion: `Correct the login; or say what it is: \`edition\` of '${target.name}' in tpctl.config.ts.`,
        cause,
      })
    throw new UserError(
      'TARGET_UNREACHABLE',
      `Nothing answers at ${target.url}, so that the edition of '${target.name}' is not known.`,
      { detail: cause.message, suggestion: `Start it. ${suggestion}`, cause },
    )
  } finally {
    await client.close()
  }
  if (server.edition) return server.edition
  throw new UserError(
    'EDITION_UNKNOWN',
    `The server at ${target.url} (version ${server.version || 'unknown'}) does not tell its edition.`,
    { suggestion },
  )
}

/** `certain`: statements of the one are errors to the other. `likely`: much of them is the same. */
export type Contradiction = 'certain' | 'likely'

/** Whether a server says that it is something else than the config says. */
export function contradiction(configured: Edition, { edition, version }: Server): Contradiction | undefined {
  if (edition !== undefined && edition !== configured) {
    // The embedded engine reads what is compiled for any edition, and stands in for them.
    if (edition === 'embedded') return 'likely'
    const since3 = (one: Edition) => one === 'oss-3' || one === 'enterprise'
    return since3(edition) && since3(configured) ? 'likely' : 'certain'
  }
  return fits(configured, version) ? undefined : 'likely'
}

function fits(edition: Edition, version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  switch (edition) {
    case 'embedded':
      return true
    case 'oss-1.6':
      return major === 1 && minor >= 6
    case 'oss-3':
      return major >= 3
    case 'enterprise':
      return major > 2 || (major === 2 && minor >= 8)
  }
}

/**
 * Before a deployment: a server that is certainly another edition would refuse it halfway.
 * @returns what to warn of
 * @throws UserError EDITION_MISMATCH
 */
export async function checkEdition(
  target: Target,
  client: ProtonClient,
  signal?: AbortSignal,
): Promise<string | undefined> {
  let server: Server
  try {
    server = await askServer(client, signal)
  } catch (error) {
    // Whoever cannot be asked is found out by the next request, with the words that fit it.
    if (error instanceof ProtonError) return undefined
    throw error
  }
  const found = contradiction(target.edition, server)
  if (!found) return undefined
  const { message, suggestion } = mismatch(target.edition, server)
  if (found === 'certain') throw new UserError('EDITION_MISMATCH', message, { suggestion })
  return `${message} ${suggestion}`
}

export function mismatch(configured: Edition, { edition, version }: Server) {
  return {
    message: `The server is ${edition ?? 'Proton'} (version ${version || 'unknown'}), and the target says ${configured}.`,
    suggestion:
      edition === undefined || edition === configured
        ? 'Use a version that the edition stands for.'
        : `Set edition: '${edition}', leave it out, or choose the target that fits.`,
  }
}
