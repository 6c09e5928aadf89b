import { type Command, Option } from 'commander'
import { quoteStream } from '../../driver/index.js'
import { type ConsoleFormat, ConsoleSession, FORMATS } from '../console/session.js'
import { action } from '../context.js'
import { parseCount, parseDuration } from '../options.js'
import { openTarget } from '../target.js'

interface TailOptions {
  since?: number
  limit?: number
  where?: string
  format?: ConsoleFormat
}

export function registerTail(program: Command): void {
  program
    .command('tail <name>')
    .description('follow a stream or view until Ctrl-C')
    .option('--since <duration>', 'begin in the past: 10m, 2h, 1d', parseDuration)
    .option('--limit <rows>', 'end after so many rows', parseCount)
    .option('--where <condition>', 'SQL condition on the rows')
    .addOption(new Option('--format <format>', 'how rows are printed').choices([...FORMATS]))
    .action(
      action<TailOptions, [string]>(async (context, options, name) => {
        const { client } = await openTarget(context, { role: 'reader' })
        const conditions = [
          options.since === undefined
            ? undefined
            : `_tp_time >= now64(3) - INTERVAL ${Math.ceil(options.since / 1000)} SECOND`,
          options.where === undefined ? undefined : `(${options.where})`,
        ].filter((condition) => condition !== undefined)
        const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
        const limit = options.limit === undefined ? '' : ` LIMIT ${options.limit}`
        const format = options.format ?? (context.output.json ? 'json' : 'table')
        const session = new ConsoleSession({ client, output: context.output, format, timing: false })
        try {
          await session.run(`SELECT * FROM ${quoteStream(qualified(name))}${where}${limit}`, context.signal)
        } finally {
          await client.close()
        }
      }),
    )
}

function qualified(name: string): string | { database: string; name: string } {
  const dot = name.indexOf('.')
  return dot < 0 ? name : { database: name.slice(0, dot), name: name.slice(dot + 1) }
}
