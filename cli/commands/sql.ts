import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { UserError } from '../../dialect/user_error.js'
import { repl } from '../console/repl.js'
import { type ConsoleFormat, ConsoleSession, FORMATS } from '../console/session.js'
import { splitStatements } from '../console/statements.js'
import { action } from '../context.js'
import { stateFiles } from '../embedded/lifecycle.js'
import { EXIT } from '../exit.js'
import { openTarget } from '../target.js'

interface SqlOptions {
  execute?: string[]
  file?: string
  format?: ConsoleFormat
  timing?: boolean
}

export function registerSql(program: Command): void {
  program
    .command('sql')
    .description('SQL console: interactive, or -e / -f / standard input')
    .option('-e, --execute <sql>', 'run this and leave; may be given more than once', collect)
    .option('-f, --file <path>', 'run the statements of a file and leave')
    .addOption(new Option('--format <format>', 'how results are printed').choices([...FORMATS]))
    .option('--timing', 'show time and row count after each statement')
    .action(
      action<SqlOptions, []>(async (context, options) => {
        const { client } = await openTarget(context, { role: 'reader' })
        const format = options.format ?? (context.output.json ? 'json' : 'table')
        const session = new ConsoleSession({
          client,
          output: context.output,
          format,
          timing: options.timing ?? false,
        })
        try {
          const script = scriptOf(options)
          if (script !== undefined) {
            for (const statement of script) await session.run(statement, context.signal)
            return EXIT.ok
          }
          if (process.stdin.isTTY) {
            context.output.line(`Connected to ${client.streamUrl}. \\? for help, \\q to leave.`)
          }
          const failures = await repl({
            session,
            historyFile: stateFiles(context.stateDir).history,
            input: process.stdin,
          })
          return failures === 0 || process.stdin.isTTY ? EXIT.ok : EXIT.failed
        } finally {
          await client.close()
        }
      }),
    )
}

function scriptOf(options: SqlOptions): string[] | undefined {
  if (options.execute) return options.execute.flatMap(allStatements)
  if (options.file === undefined) return undefined
  try {
    return allStatements(readFileSync(options.file, 'utf8'))
  } catch (cause) {
    throw new UserError('FILE_UNREADABLE', `Cannot read ${options.file}`, {
      cause,
      detail: (cause as Error).message,
      suggestion: 'Name a file with SQL statements, or give one with -e.',
    })
  }
}

function allStatements(text: string): string[] {
  const { complete, rest } = splitStatements(text)
  return rest.trim() === '' ? complete : [...complete, rest.trim()]
}

function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value]
}
