import { type Command, Option } from 'commander'
import { UserError } from '../../dialect/user_error.js'
import type { LetterFilter } from '../../scripts/index.js'
import { action, type Context } from '../context.js'
import { type LetterBox, withLetters } from '../dlq/box.js'
import { parseCount } from '../options.js'

interface FilterOptions extends LetterFilter {
  limit?: number
  all?: boolean
  into?: string
}

export function registerDlq(program: Command): void {
  const dlq = program
    .command('dlq')
    .description('dead letters: messages and rows that the pipeline refused, with the reason')
  filtered(dlq.command('list').description('how many there are, by source')).action(
    onLetters(async ({ output }, box, filter) => {
      const sources = await box.summarize(filter)
      if (sources.length === 0) output.line('No dead letters.')
      else {
        const right = { title: 'letters', align: 'right' as const }
        output.table(
          [
            { title: 'source' },
            { title: 'topic' },
            right,
            { title: 'last' },
            { title: 'last error', maxWidth: 60 },
          ],
          sources.map(({ source, topic, letters, last, lastError }) => [
            source,
            topic,
            letters,
            last,
            lastError,
          ]),
        )
      }
      output.result({ sources })
    }),
  )
  filtered(dlq.command('show').description('each with its text'))
    .option('--limit <letters>', 'at most so many', parseCount, 20)
    .action(
      onLetters(async ({ output }, box, filter, options) => {
        const letters = await box.read(filter, options.limit)
        for (const { source, topic, partition, offset, time, error, raw } of letters) {
          output.line(`${output.color('bold', `${source} ${topic}/${partition}/${offset}`)}  ${time}`)
          output.line(`  ${output.color('red', error)}`)
          output.line(`  ${printable(raw)}`)
        }
        if (letters.length === 0) output.line('No dead letters.')
        output.result({ letters })
      }),
    )
  filtered(
    dlq
      .command('replay')
      .description(
        'send messages to their topic or alert again, or insert JSON into a stream; what gets through is taken away',
      ),
  )
    .option('--into <stream>', 'insert into this stream instead')
    .option('--all', 'all there are')
    .action(
      onLetters(async ({ output }, box, filter, options) => {
        needsChoice(filter, options)
        const { replayed, kept } =
          options.into === undefined ? await box.replay(filter) : await box.replayInto(filter, options.into)
        output.line(`${replayed} replayed, ${kept.length} kept`)
        for (const { letter, reason } of kept.slice(0, 10)) {
          output.note(`kept ${letter.source} ${letter.topic}/${letter.partition}/${letter.offset}: ${reason}`)
        }
        output.result({ replayed, kept })
      }),
    )
  filtered(dlq.command('drop').description('take them away for good'))
    .option('--all', 'all there are')
    .action(
      onLetters(async ({ output }, box, filter, options) => {
        needsChoice(filter, options)
        const dropped = await box.drop(filter)
        output.line(`${dropped} dropped`)
        output.result({ dropped })
      }),
    )
}

function filtered(command: Command): Command {
  return command
    .option('--source <name>', 'external stream, view or alert that they were for')
    .option('--topic <name>', 'topic they came from; of an alert, its stream')
    .addOption(new Option('--partition <number>', 'partition they came from').argParser(parseCount))
    .addOption(new Option('--offset <number>', 'offset in the partition').argParser(parseCount))
}

function onLetters(
  work: (context: Context, box: LetterBox, filter: LetterFilter, options: FilterOptions) => Promise<void>,
) {
  return action<FilterOptions, []>((context, options) => {
    const { source, topic, partition, offset } = options
    return withLetters(context, (box) => work(context, box, { source, topic, partition, offset }, options))
  })
}

function needsChoice(filter: LetterFilter, options: FilterOptions): void {
  if (options.all || Object.values(filter).some((value) => value !== undefined)) return
  throw new UserError('USAGE', 'Which letters?', {
    suggestion: 'Name them with --source, --topic, --partition and --offset, or say --all.',
  })
}

/** One line of the text, without control characters. */
function printable(raw: string): string {
  const line = raw.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}
