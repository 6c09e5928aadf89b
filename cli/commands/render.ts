import { writeFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { compile } from '../../bootstrap/compile.js'
import { EDITIONS, type Edition } from '../../bootstrap/config.js'
import { loadProject } from '../../bootstrap/project.js'
import { renderScript } from '../../bootstrap/render.js'
import { action } from '../context.js'

interface RenderOptions {
  edition?: Edition
  withSecrets?: boolean
  out?: string
}

export function registerRender(program: Command): void {
  program
    .command('render')
    .description('print the whole deployment as one SQL script, as an edition takes it; needs no engine')
    .addOption(new Option('--edition <edition>', "default: the target's").choices([...EDITIONS]))
    .option('--with-secrets', 'put secret values in, so that the script can be run')
    .option('--out <path>', 'write to a file instead of standard output')
    .action(
      action<RenderOptions, []>(async (context, options) => {
        const project = await loadProject(context.projectDir, {
          target: context.target,
          overrides: options.edition === undefined ? {} : { edition: options.edition },
        })
        const deployment = compile(project)
        const script = renderScript(deployment, { withSecrets: options.withSecrets })
        const notes = [...deployment.objects, ...deployment.outside].flatMap(({ notes, source }) =>
          notes.map((note) => `${source}: ${note}`),
        )
        for (const note of notes) context.output.note(`note: ${note}`)
        if (options.out !== undefined)
          await writeFile(options.out, script, { mode: options.withSecrets ? 0o600 : 0o644 })
        else if (!context.output.json) await context.output.data(script)
        context.output.result({ edition: deployment.edition, out: options.out, script, notes })
      }),
    )
}
