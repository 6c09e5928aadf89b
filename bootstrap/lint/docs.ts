import { lintExample } from './example.js'
import type { Rule, RuleExample } from './rule.js'
import { RULES } from './rules/index.js'

/** `docs/lint.md`: every rule with what breaks it and what does not. */
export function lintMarkdown(): string {
  return `${[
    '# Rules of `tpctl lint`',
    '',
    '`tpctl lint` looks for what compiles and is a mistake all the same; `tpctl plan` shows the same findings. Errors end `lint` with exit code 1, warnings with `--strict` only.',
    '',
    'A rule is switched off by a comment with a reason: before a statement for all of it, behind a line for that line, on a line of its own for the next.',
    '',
    '```sql',
    '-- tpctl-lint disable=NO_TTL a reference list, a few hundred rows',
    'CREATE STREAM countries (code string, name string);',
    '```',
    '',
    'This page is made from the rules (`npm run docs`), and a test runs its examples.',
    '',
    '| code | | finds |',
    '|---|---|---|',
    ...RULES.map(
      ({ code, severity, title }) => `| [${code}](#${code.toLowerCase()}) | ${severity} | ${title} |`,
    ),
    '',
    ...RULES.flatMap(ruleLines),
  ].join('\n')}\n`
}

function ruleLines(rule: Rule): string[] {
  const { code, severity, title, why, fix, failing, passing } = rule
  const found = lintExample(failing).filter((finding) => finding.code === code)
  return [
    `## ${code}`,
    '',
    `${severity === 'error' ? 'Error' : 'Warning'}: ${title}.`,
    '',
    why,
    '',
    `**Instead:** ${fix}`,
    '',
    `Breaks the rule${conditions(failing)}:`,
    '',
    '```sql',
    failing.sql,
    '```',
    '',
    ...found.flatMap(({ message, excerpt }) => ['```', message, ...(excerpt?.split('\n') ?? []), '```', '']),
    'Keeps it:',
    '',
    '```sql',
    passing.sql,
    '```',
    '',
  ]
}

function conditions({ diskBytes, edition }: RuleExample): string {
  const parts = [
    diskBytes === undefined ? undefined : `on a disk of ${diskBytes / 1e12} TB`,
    edition === undefined ? undefined : `on ${edition}`,
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? '' : `, ${parts.join(' ')}`
}
