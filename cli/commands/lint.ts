import { type Command, InvalidArgumentError, Option } from 'commander'
import { compile } from '../../bootstrap/compile.js'
import { EDITIONS, type Edition } from '../../bootstrap/config.js'
import { RULES } from '../../bootstrap/lint/rules/index.js'
import { loadProject } from '../../bootstrap/project.js'
import { action } from '../context.js'
import { EXIT } from '../exit.js'
import { findingCounts, findingLines, findingsOf } from '../lint_view.js'

interface LintOptions {
  edition?: Edition
  strict?: boolean
  disk?: number
  rules?: boolean
}

export function registerLint(program: Command): void {
  program
    .command('lint')
    .description('look for what compiles and is a mistake all the same; needs no engine')
    .option('--strict', 'exit code 1 for warnings, too')
    .option('--disk <size>', 'size of the disk of the target: 500GB, 2TB', parseSize)
    .addOption(new Option('--edition <edition>', "default: the target's").choices([...EDITIONS]))
    .option('--rules', 'list the rules instead')
    .action(
      action<LintOptions, []>(async (context, options) => {
        const { output } = context
        if (options.rules) {
          output.table(
            [{ title: 'code' }, { title: 'severity' }, { title: 'finds' }],
            RULES.map(({ code, severity, title }) => [code, severity, title]),
          )
          output.result({
            rules: RULES.map(({ code, severity, title, why, fix }) => ({ code, severity, title, why, fix })),
          })
          return
        }
        const project = await loadProject(context.projectDir, {
          target: context.target,
          // Nothing is sent, so nobody has to know how brokers are logged in to.
          overrides: { edition: options.edition, kafka: null },
        })
        // What does not compile has its own error, with its place.
        compile(project)
        const findings = await findingsOf(context, project, options.disk)
        for (const line of findingLines(output, findings)) output.line(line)
        const { errors, warnings } = findingCounts(findings)
        if (findings.length > 0) output.line()
        output.line(`${errors} errors, ${warnings} warnings in ${project.files.length} files`)
        output.result({ errors, warnings, findings })
        return errors > 0 || (options.strict && warnings > 0) ? EXIT.failed : EXIT.ok
      }),
    )
}

const UNITS: Record<string, number> = { MB: 1e6, GB: 1e9, TB: 1e12 }

function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(MB|GB|TB)$/i.exec(text)
  if (!match) throw new InvalidArgumentError('Give a size such as 500GB or 2TB.')
  return Number(match[1]) * UNITS[match[2]!.toUpperCase()]!
}
