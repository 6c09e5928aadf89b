import type { CompiledObject } from '../model.js'
import type { RebuildNote } from './note.js'

/** New versions that are made beside the old ones and take their names: see RebuildNote. */
export interface RebuildTask {
  task: 'rebuild'
  /** The kept versions of the last rebuild take their names again. */
  back: boolean
  /** In the order in which they are made. */
  members: Member[]
  /** What the old versions name. */
  reads: string[]
  /** Views outside that write to copied streams. */
  writers: string[]
  /** Views outside that read copied streams row by row, with the definition they get. */
  readers: Reader[]
}

export interface Member {
  object: CompiledObject
  /** Hash of the definition that it had; empty for what was not there. */
  before: string
  /** Rows of the old one are copied; else views write them, or it holds none. */
  copied: boolean
  /** What it shares with the old version of itself, for copying. */
  columns: string[]
  /** Makes the new version, under its name for the time being. */
  sql: string
}

export interface Reader {
  object: CompiledObject
  /** What it reads row by row, and which of that is copied. */
  sources: string[]
  copied: string[]
}

/** What an interrupted rebuild, or one that is over, left to be done. */
export interface CleanupTask {
  /** `finish`: the names were exchanged. `abandon`: they were not, and shall not be. `sweep`: drop what was kept. */
  task: 'finish' | 'abandon' | 'sweep'
  note: RebuildNote
  /** Views that were dropped for the switch, as they are to be made again. */
  readers: Reader[]
}

export type ReplaceTask = RebuildTask | CleanupTask
