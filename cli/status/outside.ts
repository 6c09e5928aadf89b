import type { Deployment } from '../../bootstrap/model.js'
import { RUNNERS } from '../../bootstrap/outside.js'
import { type AlertState, Checkpoint, type TaskState } from '../../scripts/index.js'
import { outsideFolders, runnerOf } from '../outside/folders.js'

/** How a task or an alert does that runs outside of the target, by what its runner wrote down here. */
export interface OutsideStatus {
  name: string
  kind: 'task' | 'alert'
  /** What runs it. */
  command: string
  /** Whether a runner is at work right now, on this machine. */
  running: boolean
  /** Runs that are over, or batches that were delivered. */
  done: number
  /** Of these the runs that failed; or batches that became dead letters. */
  failed: number
  /** When the last run was due, or the last batch delivered; ISO 8601, empty before the first. */
  last: string
  lastError: string
}

export async function readOutside(
  { outside }: Deployment,
  stateDir: string,
  target: string,
): Promise<OutsideStatus[]> {
  const folders = outsideFolders(stateDir, target)
  return Promise.all(
    outside.map(async ({ kind, name }) => {
      const own = { name, kind, command: RUNNERS[kind], running: runnerOf(folders[kind]) !== undefined }
      if (kind === 'task') {
        const state = await Checkpoint.of<TaskState>(folders.task, name).read()
        const { scheduledAt = 0, error = '' } = state?.lastRun ?? {}
        return {
          ...own,
          done: state?.runs ?? 0,
          failed: state?.failures ?? 0,
          last: iso(scheduledAt),
          lastError: error,
        }
      }
      const state = await Checkpoint.of<AlertState>(folders.alert, name).read()
      return {
        ...own,
        done: state?.delivered ?? 0,
        failed: state?.deadLettered ?? 0,
        last: iso(state?.lastDeliveredAt ?? 0),
        lastError: state?.lastError ?? '',
      }
    }),
  )
}

function iso(at: number): string {
  return at === 0 ? '' : new Date(at).toISOString()
}
