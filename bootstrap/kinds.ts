import type { ObjectKind } from '../dialect/index.js'

/** What a project can hold. All that a user or role was granted is one object, by the name of who has it. */
export type DeployedKind = ObjectKind | 'grant'

/**
 * Names an object among all others: `trending` for streams, views and dictionaries, which share one namespace,
 * `token_risk_score()` for functions, `task:refresh` for the rest.
 */
export type ObjectKey = string

export interface KindTraits {
  /** Whether tpctl deploys it, and so can read it back from an engine. */
  deployable: boolean
  /** Shares its names with streams and views. */
  relation: boolean
  /** What is gone when it is dropped. A materialized view holds rows only where it has no INTO. */
  holds: 'rows' | 'state' | 'nothing'
  /** Cannot be there without what it reads: made anew with it. */
  follows: boolean
}

const relation: KindTraits = { deployable: true, relation: true, holds: 'nothing', follows: false }
const other: KindTraits = { deployable: true, relation: false, holds: 'nothing', follows: false }
const foreign: KindTraits = { ...other, deployable: false }

const KINDS: Record<DeployedKind, KindTraits> = {
  stream: { ...relation, holds: 'rows' },
  external_stream: relation,
  external_table: relation,
  random_stream: relation,
  /** A statement newer than the parser. */
  table: relation,
  view: { ...relation, follows: true },
  materialized_view: { ...relation, holds: 'state', follows: true },
  dictionary: relation,
  function: other,
  format_schema: other,
  named_collection: other,
  task: { ...other, follows: true },
  alert: { ...other, holds: 'state', follows: true },
  user: other,
  role: other,
  row_policy: other,
  grant: other,
  database: { ...foreign, holds: 'rows' },
  disk: foreign,
  quota: foreign,
}

/** Everything that tpctl deploys. */
export const DEPLOYABLE = (Object.keys(KINDS) as DeployedKind[]).filter((kind) => KINDS[kind].deployable)

export function traitsOf(kind: DeployedKind): KindTraits {
  return KINDS[kind]
}

export function objectKey(kind: DeployedKind, name: string): ObjectKey {
  if (kind === 'function') return `${name}()`
  return traitsOf(kind).relation ? name : `${kind}:${name}`
}

/** `materialized view`, for sentences. */
export function kindWords(kind: DeployedKind): string {
  return kind.replaceAll('_', ' ')
}
