import type { Command, Option } from 'commander'

/** What can be completed behind the words of a command; the program itself has no words. */
export interface Completions {
  words: string[]
  commands: { name: string; description: string }[]
  options: CompletedOption[]
}

export interface CompletedOption {
  flags: string[]
  description: string
  /** It takes a value: one of these, or a file where there are none. */
  takesValue: boolean
  choices: string[]
}

/** All places of the command line, outermost first. Options that work everywhere are at each. */
export function completionsOf(program: Command): Completions[] {
  const everywhere = program.options.filter((option) => !option.hidden).map(optionOf)
  const at = (command: Command, words: string[]): Completions[] => [
    {
      words,
      commands: command.commands.map((child) => ({
        name: child.name(),
        description: plain(child.description()),
      })),
      options: [
        ...(words.length === 0 ? [] : command.options.filter((option) => !option.hidden).map(optionOf)),
        ...everywhere,
      ],
    },
    ...command.commands.flatMap((child) => at(child, [...words, child.name()])),
  ]
  return at(program, [])
}

function optionOf(option: Option): CompletedOption {
  return {
    flags: [option.long, option.short].filter((flag) => flag !== undefined),
    description: plain(option.description),
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  }
}

/** Descriptions go between quotes of three shells. */
function plain(description: string): string {
  return description.replaceAll(/['"`$\\[\]:]/g, '')
}
