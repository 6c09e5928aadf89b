import type { Command } from 'commander'
import { leafCommands } from './guides/render.js'

/** `llms.txt` (llmstxt.org): what a language model should read about tpctl, and in which order. */
export function llmsText(program: Command): string {
  const guides = leafCommands(program).map(
    ({ words, command }) =>
      `- [tpctl ${words.join(' ')}](docs/commands/${words.join('-')}.md): ${command.description()}`,
  )
  return `${[
    '# tpctl',
    '',
    '> A SQL-first deployment kit for streaming pipelines on Timeplus and Proton: a project is a folder of .sql files, TypeScript functions and one config. tpctl compiles it for an edition, tests it, shows the plan, applies it, feeds it and watches it, on an embedded engine or on a server.',
    '',
    'Facts that are easily got wrong:',
    '',
    '- SQL is Proton’s dialect: types and functions are lower snake_case (`float64`, `to_datetime`, `count_if`), every alias needs `AS`, `table(s)` reads what is stored, a plain `FROM s` never ends.',
    '- Write the Enterprise form (mutable streams, `EMIT AFTER WINDOW CLOSE`); lowering makes the other editions of it. `tpctl render --edition oss-1.6` shows the result.',
    '- One object a file. `${NAME}` and `${NAME:-default}` come from tpctl.config.ts and the environment; secrets are variables that the config lists under `secrets`.',
    '- A JavaScript function cannot do I/O; what needs the network is `defineRemote`, and runs in `tpctl udf serve`.',
    '- After a change: `tpctl lint`, `tpctl test`, `tpctl plan`, `tpctl bootstrap`. All take `--json`; exit codes are 0 done, 1 failed, 2 wrong usage, 3 the plan has changes, 4 not reachable.',
    '',
    '## Docs',
    '',
    '- [README](README.md): what it is, targets, how to write streams, views, functions and tests',
    '- [Targets](docs/targets.md): editions, logins, certificates, brokers with SASL and TLS',
    '- [Tasks and alerts on Proton 1.6](docs/outside.md): what runs them from outside, and what that promises',
    '- [SQL tests](docs/testing.md): rows in, rows out; time, stubs, expectations',
    '- [Rules of lint](docs/lint.md): mistakes that compile, each with a failing and a passing example',
    '- [Fidelity](docs/fidelity.md): how much of Proton’s own smoke suite the embedded engine passes',
    '- [Schema of the config](schemas/config.schema.json)',
    '- [Schema of test files](schemas/test.schema.json)',
    '- [Schema of plans](schemas/plan.schema.json)',
    '',
    '## Commands',
    '',
    ...guides,
    '',
    '## Examples',
    '',
    '- [The flagship’s SQL](sql): streams and views, each file explains itself',
    '- [The flagship’s tests](tests/pipeline): rows in, rows out',
    '- [Every kind of object](examples/every-kind)',
  ].join('\n')}\n`
}
