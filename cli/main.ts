#!/usr/bin/env node
import { type Command, CommanderError } from 'commander'
import { UserError } from '../dialect/user_error.js'
import { COMMANDS } from './commands/index.js'
import { EXIT } from './exit.js'
import { createOutput } from './output.js'
import { packageVersion } from './package_root.js'
import { createProgram } from './program.js'

const words = process.argv.slice(2)
const program = await createProgram(words)
// Behind a command, --version is that command's: `bootstrap --install --version 1.6.1`.
if (!words.some((word) => Object.hasOwn(COMMANDS, word))) program.version(packageVersion())

// A reader that goes away (`tpctl tail … | head`) is not an error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})

const wantsJson = process.argv.includes('--json')
if (wantsJson)
  for (const command of withSubcommands(program)) command.configureOutput({ outputError: () => {} })

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  // commander has already printed its message; help and version are no failures.
  process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (wantsJson && error.exitCode !== 0) {
    createOutput({ json: true }).failure(
      new UserError(
        'USAGE',
        error.code === 'commander.help' ? 'No command is given.' : error.message.replace(/^error: /, ''),
        {
          suggestion: 'Add --help for the options.',
        },
      ),
      false,
    )
  }
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}
