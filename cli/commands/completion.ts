import { Argument, type Command } from 'commander'
import { completionsOf } from '../completion/model.js'
import { completionScript, SHELLS, type Shell } from '../completion/scripts.js'
import { action } from '../context.js'

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices([...SHELLS]))
    .action(
      action<object, [Shell]>(async ({ output }, _options, shell) => {
        const script = completionScript(shell, completionsOf(program))
        if (!output.json) await output.data(script)
        output.result({ shell, script })
      }),
    )
}
