import { EngineError } from '../errors.js'

/** Where a query begins in sources of its, by their names. */
export type Seeks = ReadonlyMap<string, string>

/**
 * `seek_to = 'clicks=5,3; users=57'`, where it stands at the outermost query: each source that is named has its own
 * beginning, whatever is said further in. This is how a view goes on where another one stopped: see `sources` of
 * `system.materialized_views`. Undefined for the forms that hold for all sources alike. Throws 36.
 */
export function namedSeeks(seek: string | undefined): Seeks | undefined {
  if (seek === undefined || !seek.includes('=')) return undefined
  const seeks = new Map<string, string>()
  for (const part of seek.split(';')) {
    const at = part.indexOf('=')
    const [name, position] = [part.slice(0, at).trim(), part.slice(at + 1).trim()]
    if (at < 0 || name === '' || position === '' || seeks.has(name)) {
      throw new EngineError(
        'BAD_ARGUMENTS',
        `Invalid seek_to '${seek}': expected one position for each source, such as 'a=5,3; b=earliest'`,
      )
    }
    seeks.set(name, position)
  }
  return seeks
}

/** The settings in force for a source. */
export function withSeekOf(
  source: string,
  seeks: Seeks | undefined,
  settings: Record<string, string>,
): Record<string, string> {
  if (!seeks) return settings
  const { seek_to: given, ...others } = settings
  const own = seeks.get(source) ?? (namedSeeks(given) ? undefined : given)
  return own === undefined ? others : { ...others, seek_to: own }
}
