import type { Edition } from '../dialect/index.js'

/**
 * Whose language the engine speaks. `embedded`: all that it knows. `oss-1.6`: as Proton 1.6 alone does, statements of
 * later editions are refused; for projects that go to such a server.
 */
export type EngineEdition = Extract<Edition, 'embedded' | 'oss-1.6'>

export const ENGINE_EDITIONS: readonly EngineEdition[] = ['embedded', 'oss-1.6']

/** The edition by which a server of this kind introduces itself. */
export function editionName(edition: EngineEdition): string {
  return edition === 'oss-1.6' ? 'oss' : edition
}
