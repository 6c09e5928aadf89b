import { quoteName } from '../../dialect/index.js'
import type { DeployedKind, ObjectKey } from '../kinds.js'

/**
 * What is written down, beside the ledger's entries, about work that takes several steps: enough to go on with it
 * or to undo it from any point.
 */
export type Note = HandoverNote | RebuildNote | AsideNote | DeploymentNote

/** `seek_to` by source. */
export type Positions = Record<string, string>

/** A view that was stopped, or is only to be dropped, so that another one goes on where that says. */
export interface HandoverNote {
  what: 'handover'
  /** `stopping`: it may be paused. `stopped`: its positions are known, and it may be gone. `done`: the other one runs. */
  phase: 'stopping' | 'stopped' | 'done'
  view: string
  positions: Positions
  /** It was not paused: the other one begins with the first rows. */
  runs?: boolean
}

/** New versions of views and streams that are made beside the old ones, and take their names when they are ready. */
export interface RebuildNote {
  what: 'rebuild'
  /**
   * `building`: nothing has changed for readers. `switching`: the names are about to be exchanged, or were just now.
   * `kept`: done, the old versions are there for a while. `done`: they are gone. `abandoned`: the new ones are.
   */
  phase: 'building' | 'switching' | 'kept' | 'done' | 'abandoned'
  /** In the order in which they are made. */
  members: NotedMember[]
  /** Views that may stand still for the switch: they write to copied streams or read them. */
  standing: string[]
  /** The new versions are those that were kept. */
  back: boolean
  /** Of each copied stream, how many of its rows were copied. */
  copied: Record<string, number>
  /** Views that read a copied stream row by row and were dropped: where they go on in the old one and in the new one. */
  readers: { view: string; old: Positions; next: Positions }[]
  /** What the old versions name, and so keep from being dropped. */
  reads: string[]
  /** Milliseconds since 1970; 0 as long as nothing is kept. */
  keptUntil: number
}

export interface NotedMember {
  key: ObjectKey
  name: string
  kind: DeployedKind
  /** Of the definition that it gets, and of the one that it had; empty for what was not there. */
  hash: string
  before: string
  /** The definition that it gets, secrets hidden, and their hash. */
  sql: string
  secretsHash: string
  /** Rows of the old one are copied, instead of computed by views. */
  copied: boolean
}

/** A stream that has another name for the time being, until its rows are in the new one that has its name. */
export interface AsideNote {
  what: 'aside'
  phase: 'moving' | 'done'
  stream: string
  /** How far its rows were copied back, by their sequence numbers. */
  copied: number
}

/** What the last apply changed: what `rollback` undoes. */
export interface DeploymentNote {
  what: 'deployment'
  /** `running`, and no apply runs: it was interrupted, and the next one continues it. */
  phase: 'running' | 'done'
  id: string
  changes: NotedChange[]
}

export interface NotedChange {
  key: ObjectKey
  name: string
  kind: DeployedKind
  /** What was applied before, secrets hidden; nothing for what was not there. */
  before?: { sql: string; hash: string; secretsHash: string }
}

const REBUILD = '@rebuild'
const DEPLOYMENT = '@deployment'
const HANDOVER = '@handover/'
const ASIDE = '@aside/'

export function noteKey(note: Note): string {
  if (note.what === 'handover') return `${HANDOVER}${note.view}`
  if (note.what === 'aside') return `${ASIDE}${note.stream}`
  return note.what === 'rebuild' ? REBUILD : DEPLOYMENT
}

export function isNoteKey(key: string): boolean {
  return key.startsWith('@')
}

/** Names beside the stable one. */
export function nextName(name: string): string {
  return `${name}__next`
}

export function wasName(name: string): string {
  return `${name}__was`
}

/** New names for streams and views, all at once. */
export function renaming(pairs: [from: string, to: string][]): string {
  const list = pairs.map(([from, to]) => `${quoteName(from)} TO ${quoteName(to)}`).join(', ')
  return `RENAME STREAM ${list} SETTINGS enable_dependency_check = false`
}

/** Whether the names were exchanged: tells what an interrupted switch came to. */
export function isSwitched(note: RebuildNote, relations: ReadonlySet<string>): boolean {
  return (
    note.phase === 'switching' &&
    note.members.every(({ name }) => relations.has(name) && !relations.has(nextName(name)))
  )
}

export function isOpen(note: HandoverNote | RebuildNote | AsideNote | undefined): boolean {
  if (!note) return false
  if (note.what === 'aside') return note.phase === 'moving'
  return note.what === 'handover'
    ? note.phase === 'stopping' || note.phase === 'stopped'
    : note.phase === 'building' || note.phase === 'switching'
}

/** Whether the note is about making just these definitions. */
export function isAbout(note: RebuildNote, objects: { key: ObjectKey; hash: string }[]): boolean {
  const wanted = new Map(objects.map(({ key, hash }) => [key, hash]))
  return (
    note.members.length === wanted.size && note.members.every(({ key, hash }) => wanted.get(key) === hash)
  )
}

/** Whether a name is one of those beside a stable one: being made, or kept. */
export function isBeside(name: string): boolean {
  return name.endsWith(nextName('')) || name.endsWith(wasName(''))
}
