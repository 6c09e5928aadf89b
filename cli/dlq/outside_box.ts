import { compile } from '../../bootstrap/compile.js'
import type { OutsideAlert } from '../../bootstrap/outside.js'
import type { Target } from '../../bootstrap/target.js'
import type { ProtonClient, Value } from '../../driver/index.js'
import {
  type AlertLetter,
  asDeadLetter,
  type LetterFilter,
  LetterFolder,
  type ReplayResult,
  rowsOf,
  summarized,
} from '../../scripts/index.js'
import type { Context } from '../context.js'
import { openCalls } from '../outside/calls.js'
import { outsideFolders } from '../outside/folders.js'
import { openProject } from '../target.js'
import type { LetterBox } from './box.js'

/** The letters that `tpctl run-alerts` keeps of events which the function of their alert did not take. */
export function outsideBox(context: Context, target: Target, client: ProtonClient): LetterBox {
  const folders = outsideFolders(context.stateDir, target.name)
  const letters = new LetterFolder(folders.letters)

  /** Hands each letter to `send`; what it takes is taken away. */
  const sendAll = async (
    filter: LetterFilter,
    send: (letter: AlertLetter) => Promise<void>,
  ): Promise<ReplayResult> => {
    const result: ReplayResult = { replayed: 0, kept: [] }
    for (const { file, letter } of await letters.list(filter)) {
      try {
        await send(letter)
      } catch (error) {
        result.kept.push({ letter: asDeadLetter(letter), reason: (error as Error).message })
        continue
      }
      await letters.remove(file)
      result.replayed++
    }
    return result
  }

  return {
    async summarize(filter) {
      return summarized((await letters.list(filter)).map(({ letter }) => letter))
    },
    async read(filter, limit) {
      return (await letters.list(filter)).slice(0, limit).map(({ letter }) => asDeadLetter(letter))
    },
    async drop(filter) {
      const found = await letters.list(filter)
      for (const { file } of found) await letters.remove(file)
      return found.length
    },
    async replay(filter) {
      const alerts = await alertsOf(context)
      const calls = await openCalls(alerts, folders)
      try {
        return await sendAll(filter, async (letter) => {
          const alert = alerts.find(({ name }) => name === letter.alert)
          if (!alert)
            throw new Error('the project has no such alert any more: replay it into a stream with --into')
          await calls.of(alert).call(letter.events)
        })
      } finally {
        await calls.close()
      }
    },
    replayInto: (filter, stream) =>
      sendAll(filter, async (letter) => {
        const { alert, sn } = letter
        const rows = rowsOf(letter) as Record<string, Value>[]
        await client.insert(stream, rows, {
          idempotentId: `dlq:${alert}/${letter.stream}/${sn}`,
          settings: { date_time_input_format: 'best_effort' },
        })
      }),
  }
}

async function alertsOf(context: Context): Promise<OutsideAlert[]> {
  const { project, client } = await openProject(context)
  await client.close()
  return compile(project).outside.filter((job): job is OutsideAlert => job.kind === 'alert')
}
