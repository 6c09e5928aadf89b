import { resolve } from 'node:path'
import type { Command } from 'commander'
import { withDotEnv } from '../bootstrap/environment.js'
import { chosenTarget } from './chosen_target.js'
import { EXIT, type ExitCode, exitCodeOf } from './exit.js'
import { interruptSignal } from './interrupt.js'
import { createOutput, type Output } from './output.js'

/** What every command gets. */
export interface Context {
  output: Output
  /** Absolute path of the project's folder. */
  projectDir: string
  /** Absolute path of the folder with the embedded engine's data, logs and state. */
  stateDir: string
  /** `--target`, if given; else TPCTL_TARGET, what `tpctl target use` chose, or the config's default. */
  target?: string
  debug: boolean
  /** Fires on Ctrl-C. */
  signal: AbortSignal
}

interface GlobalOptions {
  project: string
  state?: string
  target?: string
  json?: boolean
  quiet?: boolean
  color?: boolean
  debug?: boolean
}

export type Handler<Options, Args extends unknown[]> = (
  context: Context,
  options: Options,
  ...args: Args
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that says nothing means exit code 0
) => Promise<ExitCode | void>

export function addGlobalOptions(program: Command): Command {
  return program
    .option('--target <name>', 'target of tpctl.config.ts to work on')
    .option('--project <dir>', 'folder of the project', '.')
    .option('--state <dir>', 'folder of the embedded engine (default: .tpctl in the project)')
    .option('--json', 'one JSON document on stdout instead of text')
    .option('--quiet', 'only results and errors')
    .option('--no-color', 'plain text')
    .option('--debug', 'show stack traces')
}

/** Turns a handler into a commander action: context, Ctrl-C, error rendering and exit codes in one place. */
export function action<Options, Args extends unknown[]>(handler: Handler<Options, Args>) {
  return async (...all: unknown[]): Promise<void> => {
    const command = all.pop() as Command
    const options = all.pop() as Options
    const globals = command.optsWithGlobals<GlobalOptions>()
    const output = createOutput(globals)
    const interrupt = interruptSignal()
    const projectDir = resolve(globals.project)
    Object.assign(process.env, withDotEnv(projectDir, process.env))
    const stateDir = resolve(projectDir, globals.state ?? process.env.TPCTL_STATE ?? '.tpctl')
    const chosen = chosenTarget(stateDir)
    if (chosen !== undefined && !process.env.TPCTL_TARGET) process.env.TPCTL_TARGET = chosen
    const context: Context = {
      output,
      projectDir,
      stateDir,
      target: globals.target,
      debug: globals.debug ?? false,
      signal: interrupt.signal,
    }
    try {
      process.exitCode = (await handler(context, options, ...(all as Args))) ?? EXIT.ok
    } catch (error) {
      output.failure(error, context.debug)
      process.exitCode = exitCodeOf(error)
    } finally {
      interrupt.dispose()
    }
  }
}
