import type { Edition } from '../config.js'

/** What an edition offers for replacing a view or a stream under load. */
export interface Abilities {
  /** `CREATE OR REPLACE VIEW` never leaves its name without a view. */
  replacesViewsAtOnce: boolean
  /** `ALTER VIEW … MODIFY QUERY`. */
  modifiesQueries: boolean
  /** A paused view stays so over a restart, and tells where it stopped. */
  tellsPositions: boolean
  /** Views and streams change names together, in one step that nobody sees half done. */
  exchangesNames: boolean
  /** Why a view has to start over where nothing else is left. */
  otherwise: string
}

const SERVER_3 =
  'this edition renames no stream that views use, and does not tell where a paused view stopped'

/**
 * Proton 1.6 drops a view before it creates the new one when it is told to replace it, knows no RENAME STREAM, no
 * PAUSE and no MODIFY QUERY. Newer servers change a view's query in place; RENAME STREAM refuses streams that are in use.
 */
const ABILITIES: Record<Edition, Abilities> = {
  embedded: {
    replacesViewsAtOnce: true,
    modifiesQueries: true,
    tellsPositions: true,
    exchangesNames: true,
    otherwise: '',
  },
  'oss-1.6': {
    replacesViewsAtOnce: false,
    modifiesQueries: false,
    tellsPositions: false,
    exchangesNames: false,
    otherwise: 'Proton 1.6 cannot change, pause or rename a view',
  },
  'oss-3': {
    replacesViewsAtOnce: false,
    modifiesQueries: true,
    tellsPositions: false,
    exchangesNames: false,
    otherwise: SERVER_3,
  },
  enterprise: {
    replacesViewsAtOnce: false,
    modifiesQueries: true,
    tellsPositions: false,
    exchangesNames: false,
    otherwise: SERVER_3,
  },
}

export function abilitiesOf(edition: Edition): Abilities {
  return ABILITIES[edition]
}
