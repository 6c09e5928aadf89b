#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { COMMANDS } from './commands/index.js'
import { addGlobalOptions } from './context.js'
import { EXIT } from './exit.js'

/** The version of the package this file was installed with. */
function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return manifest.version
}

const program = addGlobalOptions(
  new Command('tpctl')
    .description('Deploy, feed, test and watch streaming SQL pipelines on Timeplus and Proton.')
    .version(version())
    .showHelpAfterError('(add --help for the options)')
    .showSuggestionAfterError()
    .exitOverride(),
)
for (const register of COMMANDS) register(program)

// A reader that goes away (`tpctl tail … | head`) is not an error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  // commander has already printed its message; help and version are no failures.
  process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
}
