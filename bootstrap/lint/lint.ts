import type { Span } from '../../dialect/index.js'
import { positionIn } from '../source_position.js'
import { type Allowance, allowancesOf } from './allowed.js'
import { lintObjects } from './objects.js'
import { Relations } from './relations.js'
import type { Found, LintContext, LintedProject, LintObject, Rule, Severity } from './rule.js'
import { RULES } from './rules/index.js'

export interface Finding {
  code: string
  severity: Severity
  message: string
  /** `file:line:column`, or the file of a function. */
  where: string
  /** The line with a caret. */
  excerpt?: string
  fix: string
}

export interface LintOptions {
  /** Size of the disk that holds the target's data. */
  diskBytes?: number
  rules?: readonly Rule[]
}

/**
 * Looks through a project for what compiles and is a mistake all the same. Pure.
 * @throws SqlSyntaxError, UserError PROJECT_DIRECTIVE: what cannot be read has to be corrected first
 */
export function lintProject(project: LintedProject, options: LintOptions = {}): Finding[] {
  const objects = lintObjects(project)
  const context: LintContext = {
    edition: project.target.edition,
    objects,
    relations: new Relations(objects),
    secrets: new Set(project.config.secrets),
    diskBytes: options.diskBytes,
  }
  const allowed = new Map<string, Allowance[]>()
  for (const { path, source } of project.files)
    allowed.set(
      path,
      allowancesOf(
        source,
        objects.filter(({ file }) => file?.path === path),
      ),
    )
  const used = new Set<Allowance>()
  const findings = (options.rules ?? RULES).flatMap((rule) =>
    [...rule.check(context)].flatMap((found): Finding[] => {
      const offset = offsetOf(found)
      const allowance = (allowed.get(found.object.file?.path ?? '') ?? []).find(
        ({ codes, from, to }) => codes.includes(rule.code) && offset >= from && offset <= to,
      )
      if (allowance) used.add(allowance)
      return allowance ? [] : [findingOf(rule, found, offset)]
    }),
  )
  for (const { path, source } of project.files)
    for (const allowance of allowed.get(path)!)
      findings.push(...aboutAllowance(allowance, used, path, source))
  return findings.sort((a, b) => a.where.localeCompare(b.where, 'en', { numeric: true }))
}

/** Where in the file's own text. */
function offsetOf({ object, at }: Found): number {
  const { file } = object
  if (!file) return 0
  const span: Span | undefined = at && 'start' in at ? at : at?.span
  return file.expansion.sourceOffset(span?.start ?? nameOffset(object))
}

function nameOffset({ statement, start }: LintObject): number {
  const name = 'name' in statement && typeof statement.name === 'object' ? statement.name : undefined
  return name?.span?.start ?? start
}

function findingOf(rule: Rule, { object, message, fix }: Found, offset: number): Finding {
  const base = { code: rule.code, severity: rule.severity, message, fix: fix ?? rule.fix }
  if (!object.file) return { ...base, where: object.source }
  const { where, excerpt } = positionIn(object.file.path, object.file.source, offset)
  return { ...base, where, excerpt }
}

function aboutAllowance(
  allowance: Allowance,
  used: ReadonlySet<Allowance>,
  path: string,
  source: string,
): Finding[] {
  const { where, excerpt } = positionIn(path, source, allowance.offset)
  const finding = (message: string, fix: string): Finding[] => [
    { code: 'LINT_COMMENT', severity: 'warning', message, where, excerpt, fix },
  ]
  if (allowance.codes.length === 0)
    return finding('This comment allows nothing.', 'Write: -- tpctl-lint disable=CODE reason')
  if (allowance.reason === '')
    return finding('A rule is switched off without a reason.', 'Write the reason behind the code.')
  return used.has(allowance) ? [] : finding('Nothing here breaks this rule.', 'Remove the comment.')
}
