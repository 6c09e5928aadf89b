import type { ExitCode } from '../exit.js'

/** What a command does beyond its options: for `tpctl help <command>` and docs/commands. */
export interface Guide {
  /** What happens, in order. */
  behaviour: string
  /** What it changes, and where; "Nothing." where it only looks. */
  sideEffects: string
  /** What to do when it stopped half-way or failed. */
  recovery: string
  /** What each exit code means here. */
  exitCodes: Partial<Record<ExitCode, string>>
}

/** By the words of the command: `udf serve`. */
export type Guides = Record<string, Guide>

export const WRONG_USAGE = 'an option or argument is wrong, or the target is not in the config'
export const UNREACHABLE = 'the target, or what it needs, cannot be reached; trying again may help'
