import { Command } from 'commander'
import { COMMANDS } from './commands/index.js'
import { addGlobalOptions } from './context.js'

/** The whole command line, ready to be parsed, completed or documented. */
export function createProgram(): Command {
  const program = addGlobalOptions(
    new Command('tpctl')
      .description('Deploy, feed, test and watch streaming SQL pipelines on Timeplus and Proton.')
      .showHelpAfterError('(add --help for the options)')
      .showSuggestionAfterError()
      .helpCommand(false)
      .exitOverride(),
  )
  for (const register of COMMANDS) register(program)
  return program
}
