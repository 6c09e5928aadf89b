import { type CreateMaterializedView, columnName, type Query, UserError } from '../../dialect/index.js'
import type { CompiledObject } from '../model.js'
import type { Abilities } from './abilities.js'
import type { Way } from './way.js'

/** What decides how a materialized view gets its new definition. */
export interface Case {
  object: CompiledObject
  before: CreateMaterializedView | undefined
  after: CreateMaterializedView
  /** What the old or the new query remembers of rows that have passed. */
  state: string[]
  /** It joins what it reads with what it looks up, before or after. */
  enriches: boolean
  /** What happens to what it reads. */
  below: {
    /** Plain views that are replaced: its query means something else. */
    redefined: string[]
    /** Sources that are dropped and made anew, or copied: its positions are other ones then. */
    moved: string[]
    /** Those among them that are other places altogether: another topic, another kind of thing. */
    elsewhere: string[]
    /** Sources that are computed anew from their beginning. */
    recomputed: string[]
  }
  /** Others that read it by its own name, and so are in the way of dropping it. */
  readBy: string[]
  /** What it reads row by row, and what it looks up besides. */
  scans: { before: string[]; after: string[] }
  looksUp: string[]
  /** Why its target cannot be made beside the old one, if that is so. */
  target: string | undefined
  /** Why its rows would not replace those that are there, if that is so. */
  keyed: string | undefined
  /** The version that is wanted was kept when it was replaced. */
  kept: boolean
  can: Abilities
}

export interface Choice {
  way: Way
  reason: string
}

/** Each way, and why it is out of the question. */
type Obstacles = Record<Way, string | undefined>

/**
 * The gentlest way that loses and doubles no row, unless the file of the view asks for another one.
 * @throws UserError REPLACE_IMPOSSIBLE where what it asks for cannot be done
 */
export function chooseWay(one: Case): Choice {
  const obstacles = obstaclesOf(one)
  const wanted = one.object.replace
  if (wanted) {
    const obstacle = obstacles[wanted]
    if (obstacle !== undefined) throw impossible(one, wanted, obstacle)
    return { way: wanted, reason: `its file says @replace ${wanted}` }
  }
  if (one.below.recomputed.length > 0 && !obstacles.rebuild)
    return { way: 'rebuild', reason: `${one.below.recomputed.join(', ')}, which it reads, is computed anew` }
  if (one.kept && !obstacles.rebuild)
    return { way: 'rebuild', reason: 'the version that is wanted was kept, and takes its name again' }
  if (!obstacles.modify)
    return one.state.length > 0 && one.can.extendsState
      ? { way: 'modify', reason: 'what it remembers stays; what is new in it counts from here on' }
      : { way: 'modify', reason: 'goes on at the row where the old query stops' }
  if (!obstacles.handover)
    return { way: 'handover', reason: `goes on at the row where the old one stops (${obstacles.modify})` }
  if (!obstacles.rebuild && one.below.elsewhere.length === 0)
    return { way: 'rebuild', reason: `${obstacles.handover}: computed anew beside the old one` }
  if (!obstacles.overwrite)
    return {
      way: 'overwrite',
      reason: `${obstacles.handover}: reads its sources anew, and its rows replace those of their keys`,
    }
  const reasons = new Set([obstacles.handover, obstacles.rebuild, obstacles.overwrite])
  return { way: 'restart', reason: [...reasons].filter((reason) => reason !== undefined).join('; ') }
}

function obstaclesOf(one: Case): Obstacles {
  const { before, after, state, below, readBy, target, keyed, can } = one
  const [first] = state
  const queryChanged = !before || !sameQuery(before.query, after.query) || below.redefined.length > 0
  const carried =
    can.extendsState && before && below.redefined.length === 0 && onlyGrew(before.query, after.query)
  const remembers = queryChanged && first !== undefined && !carried ? first : undefined
  const recomputed =
    below.recomputed.length > 0 ? `${below.recomputed.join(', ')} is computed anew` : undefined
  return {
    modify: !can.modifiesQueries
      ? can.lacks.modify
      : !before
        ? 'what is there cannot be read'
        : (remembers ??
          recomputed ??
          (below.moved.length > 0 ? `${below.moved.join(', ')} is made anew` : undefined) ??
          (can.positions === 'by source' && one.enriches && joinsAnew(one)
            ? 'what its join has to keep may be another'
            : undefined) ??
          (below.redefined.length > 0 && !can.replacesViewsAtOnce
            ? `${below.redefined.join(', ')} is replaced, which this edition refuses while it is there`
            : undefined) ??
          shapeObstacle(before, after)),
    handover: !can.positions
      ? can.lacks.handover
      : !before
        ? 'what is there cannot be read'
        : (first ??
          recomputed ??
          (below.elsewhere.length > 0 ? `${below.elsewhere.join(', ')} is another source` : undefined) ??
          (readBy.length > 0 ? `${readBy.join(', ')} reads it by its name` : undefined) ??
          (after.into ? undefined : 'its rows are its own (no INTO)') ??
          (can.positions === 'by log' ? seekObstacle(one) : undefined)),
    rebuild: can.exchangesNames ? target : can.lacks.rebuild,
    overwrite:
      keyed ??
      (below.elsewhere.length > 0 ? `${below.elsewhere.join(', ')} is another source` : undefined) ??
      (readBy.length > 0 ? `${readBy.join(', ')} reads it by its name` : undefined),
    restart: undefined,
  }
}

/** The embedded engine keeps older rows for some conditions of a join, and none for others. */
function joinsAnew({ before, after, below }: Case): boolean {
  if (below.redefined.length > 0) return true
  const from = (query: Query | undefined) => (query?.kind === 'select' ? textOf(query.from) : '')
  return from(before?.query) !== from(after.query)
}

/** Where `seek_to` holds for everything that a query reads. */
function seekObstacle({ scans: { before, after }, looksUp }: Case): string | undefined {
  if (before.join() !== after.join()) return `it has read ${before.join(', ')} so far`
  if (after.length === 1 && looksUp.length === 0) return undefined
  return after.length === 1
    ? `it looks up ${looksUp.join(', ')}, and seek_to would hold for that too`
    : 'it reads several sources, and seek_to holds for all of them alike'
}

/** The same query with more columns: of one table, so that its state is one of groups. */
function onlyGrew(one: Query, other: Query): boolean {
  if (one.kind === 'union' || other.kind === 'union' || one.from?.kind === 'join') return false
  const now = new Set(other.columns.map(textOf))
  return (
    one.columns.every((column) => now.has(textOf(column))) &&
    sameQuery({ ...one, columns: [] }, { ...other, columns: [] })
  )
}

/** What ALTER VIEW cannot change besides the query. */
function shapeObstacle(before: CreateMaterializedView, after: CreateMaterializedView): string | undefined {
  if (before.into?.name !== after.into?.name) return 'it writes somewhere else'
  const [old, now] = [columnNames(before.query), columnNames(after.query)]
  if (!after.into && String(old) !== String(now)) return 'its columns are its own (no INTO)'
  const lost = old.find((name) => !now.includes(name))
  return lost === undefined ? undefined : `it no longer gives ${lost}`
}

function columnNames(query: Query): string[] {
  if (query.kind === 'union') return query.arms.slice(0, 1).flatMap(columnNames)
  return query.columns.map((column) => columnName(column))
}

/** Settings aside. */
function sameQuery(one: Query, other: Query): boolean {
  return textOf({ ...one, settings: undefined }) === textOf({ ...other, settings: undefined })
}

function textOf(node: unknown): string {
  return JSON.stringify(node, (key, value) => (key === 'span' ? undefined : value))
}

function impossible({ object }: Case, wanted: Way, obstacle: string): UserError {
  return new UserError(
    'REPLACE_IMPOSSIBLE',
    `${object.name} cannot be replaced by '${wanted}': ${obstacle}.`,
    {
      where: object.source,
      suggestion: 'Remove the @replace comment: tpctl chooses a way that works.',
    },
  )
}
