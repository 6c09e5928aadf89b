import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { compile } from '../../bootstrap/compile.js'
import { assertReachable, readLeftovers } from '../../bootstrap/live.js'
import type { Deployment } from '../../bootstrap/model.js'
import type { ProtonClient } from '../../driver/index.js'
import { action, type Context } from '../context.js'
import { parseDuration } from '../options.js'
import { pipesOf } from '../status/graph.js'
import { readOutside } from '../status/outside.js'
import { readStreams, readViews } from '../status/read.js'
import { type Look, showLook } from '../status/show.js'
import { openProject } from '../target.js'

/** Between the two looks that rows per second are taken from. */
const INTERVAL_MS = 1_000
const WATCH_MS = 2_000
/** Home, and everything below erased: what was there stays readable until the new text covers it. */
const REDRAW = '\u001b[H\u001b[J'

export function registerStatus(program: Command): void {
  program
    .command('status')
    .description(
      'rows, rows/s, lag, state, checkpoint and last error of each object, and the pipeline as a graph',
    )
    .option('--watch [pause]', 'again and again until Ctrl-C (default: every 2s)', parseDuration)
    .action(
      action<{ watch?: number | true }, []>(async (context, { watch }) => {
        const { signal } = context
        const { project, client } = await openProject(context)
        try {
          await assertReachable(client, signal)
          const deployment = compile(project)
          const pause = watch === undefined ? undefined : watch === true ? WATCH_MS : watch
          for (;;) {
            await look(context, client, deployment, project.target.name, pause !== undefined)
            if (pause === undefined || signal.aborted) return
            await sleep(pause, undefined, { signal }).catch(() => {})
            if (signal.aborted) return
          }
        } finally {
          await client.close()
        }
      }),
    )
}

/** While it is watched, a server that is away is a line, not the end. */
async function look(
  { output, debug, stateDir }: Context,
  client: ProtonClient,
  deployment: Deployment,
  target: string,
  watched: boolean,
): Promise<void> {
  const embedded = deployment.edition === 'embedded'
  const stored = deployment.objects.filter(({ kind }) => kind === 'stream').map(({ name }) => name)
  try {
    const streams = await readStreams(client, embedded, INTERVAL_MS, stored)
    const views = await readViews(client, embedded)
    const leftovers = await readLeftovers(client)
    const outside = await readOutside(deployment, stateDir, target)
    const seen: Look = { target, streams, views, outside, pipes: pipesOf(deployment.objects), leftovers }
    if (watched && process.stdout.isTTY && !output.json) await output.data(REDRAW)
    showLook(output, seen)
    if (watched) output.line()
    output.result(seen)
  } catch (error) {
    if (!watched) throw error
    output.failure(error, debug)
  }
}
