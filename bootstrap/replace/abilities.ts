import type { Edition } from '../config.js'

/** What an edition offers for replacing a view or a stream under load. */
export interface Abilities {
  /** `CREATE OR REPLACE VIEW` never leaves its name without a view, and does not mind views on it. */
  replacesViewsAtOnce: boolean
  /** `ALTER VIEW … MODIFY QUERY`. */
  modifiesQueries: boolean
  /** … also where the query has state, as long as it only gets more columns. */
  extendsState: boolean
  /**
   * Where it is told how far a view that was paused for good had come: for each source, ready for `seek_to`; or by
   * numbers of its last rows, where `seek_to` holds for all sources alike.
   */
  positions?: 'by source' | 'by log'
  /** Views and streams change names together, in one step that nobody sees half done. */
  exchangesNames: boolean
  /** Streams can be renamed, one at a time, as long as nothing uses them. */
  renamesStreams: boolean
  /** Why it cannot do what it cannot do. */
  lacks: { modify: string; handover: string; rebuild: string }
}

const NOTHING = { modify: '', handover: '', rebuild: '' }
const NO_RENAME = 'this edition renames nothing that views use'

/**
 * Proton 1.6 drops a view before it creates the new one when it is told to replace it, and knows no PAUSE and no MODIFY
 * QUERY. Newer servers change a view's query in place, pause it with a checkpoint, and log how far it was then. RENAME
 * STREAM of all servers takes one stream at a time and refuses what views use.
 */
const SERVER_3: Abilities = {
  replacesViewsAtOnce: false,
  modifiesQueries: true,
  extendsState: true,
  positions: 'by log',
  exchangesNames: false,
  renamesStreams: true,
  lacks: { ...NOTHING, rebuild: NO_RENAME },
}

const ABILITIES: Record<Edition, Abilities> = {
  embedded: {
    replacesViewsAtOnce: true,
    modifiesQueries: true,
    extendsState: false,
    positions: 'by source',
    exchangesNames: true,
    renamesStreams: true,
    lacks: NOTHING,
  },
  'oss-1.6': {
    replacesViewsAtOnce: false,
    modifiesQueries: false,
    extendsState: false,
    exchangesNames: false,
    renamesStreams: true,
    lacks: {
      modify: 'Proton 1.6 cannot change the query of a view',
      handover: 'Proton 1.6 cannot pause a view, and does not tell where it is',
      rebuild: NO_RENAME,
    },
  },
  'oss-3': SERVER_3,
  enterprise: SERVER_3,
}

export function abilitiesOf(edition: Edition): Abilities {
  return ABILITIES[edition]
}
