import type { Command } from 'commander'
import { GUIDES, type Guide } from './index.js'

/** Commands that do something, with the words that call them. Groups such as `udf` only hold others. */
export function leafCommands(
  command: Command,
  words: string[] = [],
): { words: string[]; command: Command }[] {
  return command.commands.flatMap((child) => {
    const path = [...words, child.name()]
    return child.commands.length > 0 ? leafCommands(child, path) : [{ words: path, command: child }]
  })
}

const SECTIONS: [title: string, key: 'behaviour' | 'sideEffects' | 'recovery'][] = [
  ['Behaviour', 'behaviour'],
  ['Side effects', 'sideEffects'],
  ['Recovery', 'recovery'],
]

/** For a terminal: the guide, then what `--help` says. */
export function guideText(words: readonly string[], command: Command, width: number): string {
  const guide = GUIDES[words.join(' ')]
  if (!guide) return command.helpInformation()
  const sections = SECTIONS.map(([title, key]) => `${title}\n${wrapped(guide[key], width)}`)
  return [
    `tpctl ${words.join(' ')}: ${command.description()}`,
    ...sections,
    `Exit codes\n${exitLines(guide)
      .map(([code, text]) => `  ${code}  ${text}`)
      .join('\n')}`,
    command.helpInformation().trimEnd(),
    '',
  ].join('\n\n')
}

/** `docs/commands/<words>.md`. */
export function guideMarkdown(words: readonly string[], command: Command): string {
  const guide = GUIDES[words.join(' ')]!
  const options = command.options.filter((option) => !option.hidden)
  return `${[
    `# tpctl ${words.join(' ')}`,
    '',
    `${command.description()}`,
    '',
    '```sh',
    `tpctl ${[...words, command.usage()].join(' ').trim()}`,
    '```',
    ...SECTIONS.flatMap(([title, key]) => ['', `## ${title}`, '', guide[key]]),
    '',
    '## Exit codes',
    '',
    '| | |',
    '|---|---|',
    ...exitLines(guide).map(([code, text]) => `| ${code} | ${text} |`),
    ...(options.length === 0
      ? []
      : [
          '',
          '## Options',
          '',
          '| | |',
          '|---|---|',
          ...options.map(({ flags, description, defaultValue, argChoices }) => {
            const choices = argChoices ? ` (${argChoices.join(', ')})` : ''
            const fallback = defaultValue === undefined ? '' : ` [${String(defaultValue)}]`
            return `| \`${flags.replaceAll('|', '\\|')}\` | ${description}${choices}${fallback} |`
          }),
        ]),
    '',
    'The options that work everywhere are in `tpctl --help`.',
  ].join('\n')}\n`
}

function exitLines(guide: Guide): [string, string][] {
  return Object.entries(guide.exitCodes).sort(([a], [b]) => Number(a) - Number(b))
}

function wrapped(text: string, width: number): string {
  const lines: string[] = []
  let line = ' '
  for (const word of text.split(/\s+/)) {
    if (line.length + word.length + 1 > width && line.trim() !== '') {
      lines.push(line)
      line = ' '
    }
    line += ` ${word}`
  }
  return [...lines, line].join('\n')
}
