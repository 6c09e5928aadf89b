import type { Command } from 'commander'
import { compile } from '../../bootstrap/compile.js'
import type { CompiledObject, Deployment } from '../../bootstrap/model.js'
import { UserError } from '../../dialect/user_error.js'
import { quoteStream } from '../../driver/index.js'
import { action } from '../context.js'
import { openProject } from '../target.js'

export function registerPause(program: Command): void {
  program
    .command('pause [views...]')
    .description(
      'stop materialized views where they are; they miss nothing and go on with `resume` (default: all)',
    )
    .action(switchViews('PAUSE', 'paused'))
}

export function registerResume(program: Command): void {
  program
    .command('resume [views...]')
    .description('let paused materialized views go on (default: all)')
    .action(switchViews('RESUME', 'resumed'))
}

/** Readers first when pausing, writers first when resuming, so that nothing piles up in between. */
function switchViews(verb: 'PAUSE' | 'RESUME', done: string) {
  return action<object, [string[]]>(async (context, _options, names) => {
    const { output, signal } = context
    const { project, client } = await openProject(context)
    try {
      const deployment = compile(project)
      if (deployment.edition === 'oss-1.6') {
        throw new UserError('PAUSE_UNSUPPORTED', 'Proton 1.6 cannot pause a materialized view.', {
          suggestion: 'Stop what feeds it, or drop the view and deploy it again later.',
        })
      }
      const views = chosen(deployment, names)
      if (verb === 'PAUSE') views.reverse()
      for (const { name } of views) {
        signal.throwIfAborted()
        await client.exec(`SYSTEM ${verb} MATERIALIZED VIEW ${quoteStream(name)}`)
        output.line(`${done} ${name}`)
      }
      output.result({ [done]: views.map(({ name }) => name) })
    } finally {
      await client.close()
    }
  })
}

function chosen(deployment: Deployment, names: string[]): CompiledObject[] {
  const views = deployment.objects.filter(({ kind }) => kind === 'materialized_view')
  const unknown = names.find((name) => !views.some((view) => view.name === name))
  if (unknown !== undefined) {
    throw new UserError('VIEW_UNKNOWN', `The project has no materialized view '${unknown}'.`, {
      detail: `It has: ${views.map(({ name }) => name).join(', ')}`,
    })
  }
  return names.length === 0 ? views : views.filter(({ name }) => names.includes(name))
}
