import type { Command } from 'commander'
import { nearestName } from '../../bootstrap/graph.js'
import { UserError } from '../../dialect/user_error.js'
import { action } from '../context.js'
import { GUIDES } from '../guides/index.js'
import { guideText, leafCommands } from '../guides/render.js'

const WIDTH = 96

export function registerHelp(program: Command): void {
  program
    .command('help [command...]')
    .description('what a command does, what it changes, and what to do when it fails')
    .action(
      action<object, [string[]]>(async ({ output }, _options, words) => {
        if (words.length === 0) {
          if (!output.json) await output.data(program.helpInformation())
          output.result({ commands: leafCommands(program).map((leaf) => leaf.words.join(' ')) })
          return
        }
        const named = words.join(' ')
        const leaf = leafCommands(program).find((one) => one.words.join(' ') === named)
        if (leaf) {
          if (!output.json)
            await output.data(
              guideText(leaf.words, leaf.command, Math.min(process.stdout.columns ?? WIDTH, WIDTH)),
            )
          output.result({ command: named, description: leaf.command.description(), guide: GUIDES[named] })
          return
        }
        const group = program.commands.find((command) => command.name() === named)
        if (!group)
          throw unknown(
            named,
            leafCommands(program).map((one) => one.words.join(' ')),
          )
        if (!output.json) await output.data(group.helpInformation())
        output.result({ command: named, commands: group.commands.map((command) => command.name()) })
      }),
    )
}

function unknown(named: string, commands: string[]): UserError {
  const nearest = nearestName(named, commands)
  return new UserError('USAGE', `There is no command '${named}'.`, {
    suggestion: nearest ? `Did you mean '${nearest}'?` : 'tpctl help lists all commands.',
  })
}
