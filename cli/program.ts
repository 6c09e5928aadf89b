import { Command } from 'commander'
import { COMMANDS } from './commands/index.js'
import { addGlobalOptions } from './context.js'

/** These look at all the others. */
const WHOLE = new Set(['help', 'completion'])

/**
 * The command line, ready to be parsed, completed or documented: the whole of it, or, given the words of a call, the
 * commands that are among them.
 */
export async function createProgram(words: readonly string[] = []): Promise<Command> {
  const program = addGlobalOptions(
    new Command('tpctl')
      .description('Deploy, feed, test and watch streaming SQL pipelines on Timeplus and Proton.')
      .showHelpAfterError('(add --help for the options)')
      .showSuggestionAfterError()
      .helpCommand(false)
      .exitOverride(),
  )
  const named = Object.keys(COMMANDS).filter((name) => words.includes(name))
  const whole = named.length === 0 || named.some((name) => WHOLE.has(name))
  for (const name of whole ? Object.keys(COMMANDS) : named) (await COMMANDS[name]!())(program)
  return program
}
