import type { Command } from 'commander'
import type { ApplyOptions } from '../bootstrap/apply.js'
import { parseCount, parseDuration } from './options.js'

/** What a command that changes a target is told on its command line. */
export interface ApplyFlags {
  allowDestructive?: boolean
  overwriteDrift?: boolean
  maxLag?: number
  keep?: number
}

export function withApplyFlags(command: Command): Command {
  return command
    .option('--allow-destructive', 'go on where stored rows or the state of views are lost')
    .option('--overwrite-drift', 'go on where somebody else changed the target: undo that')
    .option(
      '--max-lag <rows>',
      'how far a new version of a view may be behind when it takes over (default: 1000)',
      parseCount,
    )
    .option(
      '--keep <duration>',
      'how long former versions are kept for `tpctl rollback`; 0s drops them at once (default: 1d)',
      parseDuration,
    )
}

export function applyOptions({ keep, ...flags }: ApplyFlags): ApplyOptions {
  const { allowDestructive, overwriteDrift, maxLag } = flags
  return { allowDestructive, overwriteDrift, maxLag, keepMs: keep }
}
