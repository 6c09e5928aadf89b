import { EngineError } from '../errors.js'

/** Where a query begins in each of its sources, by their names. */
export type Seeks = ReadonlyMap<string, string>

/**
 * `seek_to = 'clicks=5,3; users=57'`, where it stands at the outermost query: each source has its own beginning,
 * whatever is said further in. This is how a view goes on where another one stopped: see `sources` of
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
