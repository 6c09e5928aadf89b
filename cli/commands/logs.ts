import { type Command, Option } from 'commander'
import { UserError } from '../../dialect/user_error.js'
import { action } from '../context.js'
import { stateFiles } from '../embedded/lifecycle.js'
import { installFiles } from '../install/record.js'
import { follow, lastLines } from '../log_file.js'
import { renderLogLine } from '../log_line.js'
import { parseCount } from '../options.js'

interface LogsOptions {
  follow?: boolean
  lines: number
  level: string
}

const SOURCES = ['engine', 'gateway', 'server'] as const
const LEVELS: Record<string, number> = { debug: 20, info: 30, warn: 40, error: 50 }

export function registerLogs(program: Command): void {
  program
    .command('logs [source]')
    .description(`what a process of this machine logged: ${SOURCES.join(', ')} (default: engine)`)
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('-n, --lines <lines>', 'how many of the last lines', parseCount, 50)
    .addOption(new Option('--level <level>', 'this and worse').choices(Object.keys(LEVELS)).default('debug'))
    .action(
      action<LogsOptions, [string | undefined]>(async (context, options, source = 'engine') => {
        const { output, stateDir, signal } = context
        const file = logOf(source, stateDir, context.target)
        const show = async (line: string) => {
          const shown = renderLogLine(line, LEVELS[options.level]!, output.color)
          if (shown !== undefined) await output.data(`${output.json ? line : shown}\n`)
        }
        const { lines, end } = lastLines(file, options.lines)
        if (lines === undefined) {
          throw new UserError('LOG_MISSING', `There is no log of the ${source}: ${file}`, {
            suggestion: 'It has not run here yet; name its state folder with --state.',
          })
        }
        for (const line of lines) await show(line)
        if (options.follow) await follow(file, end, signal, show)
      }),
    )
}

function logOf(source: string, stateDir: string, target: string | undefined): string {
  const files = stateFiles(stateDir)
  switch (source) {
    case 'engine':
    case 'gateway':
      return files[source].log
    case 'server':
      if (target !== undefined) return installFiles(stateDir, target).log
      throw new UserError('USAGE', 'Whose server?', { suggestion: 'Name its target with --target.' })
    default:
      throw new UserError('USAGE', `There is no log called '${source}'.`, {
        suggestion: `Logs: ${SOURCES.join(', ')}`,
      })
  }
}
