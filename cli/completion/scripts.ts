import type { CompletedOption, Completions } from './model.js'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

const SCRIPTS: Record<Shell, (places: readonly Completions[]) => string> = { bash, zsh, fish }

/** A script that completes the command line in a shell. */
export function completionScript(shell: Shell, places: readonly Completions[]): string {
  return SCRIPTS[shell](places)
}

const flagsOf = ({ options }: Completions) => options.flatMap(({ flags }) => flags)
const valued = ({ options }: Completions) => options.filter(({ takesValue }) => takesValue)

/** All commands with their words: what the words of a line are compared with. */
function commandPaths(places: readonly Completions[]): string[] {
  return places.flatMap(({ words, commands }) => commands.map(({ name }) => [...words, name].join(' ')))
}

/** For bash and zsh: goes from the command so far to the one that the next word makes of it. */
function pathCases(places: readonly Completions[]): string {
  return commandPaths(places)
    .map((path) => `      '${path}') called='${path}' ;;`)
    .join('\n')
}

function bash(places: readonly Completions[]): string {
  const cases = places.map((place) => {
    const values = valued(place).map(
      ({ flags, choices }) =>
        `        ${flags.join('|')}) ${choices.length > 0 ? `COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$cur"))` : 'COMPREPLY=($(compgen -f -- "$cur"))'}; return ;;`,
    )
    const words = [...place.commands.map(({ name }) => name), ...flagsOf(place)].join(' ')
    return [
      `    '${place.words.join(' ')}')`,
      ...(values.length > 0 ? ['      case "$prev" in', ...values, '      esac'] : []),
      `      COMPREPLY=($(compgen -W '${words}' -- "$cur"))`,
      place.commands.length > 0
        ? '      ;;'
        : '      [[ $cur == -* ]] || COMPREPLY+=($(compgen -f -- "$cur")) ;;',
    ].join('\n')
  })
  return `# bash completion of tpctl: source <(tpctl completion bash)
_tpctl() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" called='' word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${called:+$called }$word" in
${pathCases(places)}
    esac
  done
  case "$called" in
${cases.join('\n')}
  esac
}
complete -o filenames -F _tpctl tpctl
`
}

function zsh(places: readonly Completions[]): string {
  const spec = ({ flags, description, takesValue, choices }: CompletedOption) =>
    flags.map((flag) => {
      const value = !takesValue ? '' : choices.length > 0 ? `:value:(${choices.join(' ')})` : ':value:_files'
      return `'${flag}[${description}]${value}'`
    })
  const cases = places.map((place) => {
    const options = place.options.flatMap(spec)
    const rest =
      place.commands.length > 0
        ? `_values 'command' ${place.commands.map(({ name, description }) => `'${name}[${description}]'`).join(' ')}`
        : '_files'
    return [
      `    '${place.words.join(' ')}')`,
      `      _arguments -s ${options.join(' ')} '*::argument:->rest'`,
      `      [[ $state == rest || $words[CURRENT] != -* ]] && ${rest} ;;`,
    ].join('\n')
  })
  return `#compdef tpctl
# zsh completion of tpctl: source <(tpctl completion zsh)
_tpctl() {
  local called='' word state line context
  local -A opt_args
  local -i at
  for (( at = 2; at < CURRENT; at++ )); do
    word=$words[at]
    case "\${called:+$called }$word" in
${pathCases(places)}
    esac
  done
  case "$called" in
${cases.join('\n')}
  esac
}
compdef _tpctl tpctl
`
}

function fish(places: readonly Completions[]): string {
  const lines = places.flatMap((place) => {
    const here = `-n '__tpctl_at "${place.words.join(' ')}"'`
    return [
      ...place.commands.map(
        ({ name, description }) => `complete -c tpctl -f ${here} -a ${name} -d '${description}'`,
      ),
      ...place.options.map(({ flags, description, takesValue, choices }) => {
        const names = flags.map((flag) =>
          flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
        )
        const value = !takesValue ? '' : choices.length > 0 ? ` -x -a '${choices.join(' ')}'` : ' -r'
        return `complete -c tpctl ${here} ${names.join(' ')}${value} -d '${description}'`
      }),
    ]
  })
  return `# fish completion of tpctl: tpctl completion fish | source
function __tpctl_at
  set -l called ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim "$called $word")
    switch "$next"
      case ${commandPaths(places)
        .map((path) => `'${path}'`)
        .join(' ')}
        set called "$next"
    end
  end
  test "$called" = "$argv[1]"
end
${lines.join('\n')}
`
}
