import type { ApplyEvent } from '../bootstrap/apply.js'
import type { Action, Change, Plan, Risk } from '../bootstrap/model.js'
import { laidOut } from '../bootstrap/normal_form.js'
import type { Output, Progress, Style } from './output.js'
import { diffLines } from './plan_diff.js'

const MARK: Record<Action, [sign: string, style: Style]> = {
  create: ['+', 'green'],
  unchanged: [' ', 'dim'],
  alter: ['~', 'yellow'],
  replace: ['±', 'yellow'],
  drop: ['-', 'red'],
}

const RISK_STYLE: Record<Risk, Style> = { safe: 'dim', rebuilds: 'yellow', destructive: 'red' }

export interface PlanViewOptions {
  /** Consent that was given already: what is not asked for is not mentioned. */
  allowDestructive?: boolean
  overwriteDrift?: boolean
  /** Show what changes in the SQL, and the steps. */
  diff?: boolean
}

/** A plan for people: what changes, how and why; what stays is only counted. */
export function showPlan(output: Output, plan: Plan, options: PlanViewOptions = {}): void {
  for (const notice of plan.notices) output.line(output.color('yellow', notice))
  for (const { kind, name, command } of plan.outside)
    output.line(output.color('dim', `${kind} ${name} runs outside of the target: tpctl ${command}`))
  const changes = plan.changes.filter((change) => change.action !== 'unchanged')
  for (const change of changes) {
    output.line(changeLine(output, change))
    for (const line of detailLines(change)) output.line(`    ${output.color('dim', line)}`)
    if (options.diff) for (const line of changeDiff(output, change)) output.line(`    ${line}`)
  }
  const unchanged = plan.changes.length - changes.length
  if (plan.empty) {
    output.line(`Nothing to do: ${unchanged} objects are as they should be.`)
    return
  }
  if (options.diff) showSteps(output, plan)
  output.line()
  output.line(`${countActions(changes)}; ${unchanged} unchanged.`)
  if (plan.destructive && !options.allowDestructive)
    output.line(
      output.color('yellow', 'Something is lost on the way: applying this needs --allow-destructive.'),
    )
  if (plan.drifted && !options.overwriteDrift)
    output.line(
      output.color(
        'yellow',
        'Somebody else changed the target: keep that with `tpctl adopt`, or undo it with --overwrite-drift.',
      ),
    )
}

function changeLine(output: Output, change: Change): string {
  const [sign, style] = MARK[change.action]
  const risk = change.risk === 'safe' ? '' : ` ${output.color(RISK_STYLE[change.risk], `[${change.risk}]`)}`
  const drift = change.drift ? ` ${output.color('yellow', '[drift]')}` : ''
  const what = `${sign} ${change.action.padEnd(7)} ${change.kind.replaceAll('_', ' ')} ${change.name}`
  return `${output.color(style, what)}${risk}${drift}  ${output.color('dim', change.reason)}`
}

function detailLines({ cost, downstream, strategy }: Change): string[] {
  const rows = (count: number) => `${count.toLocaleString('en-US')} row${count === 1 ? '' : 's'}`
  const lines: string[] = []
  if (strategy) lines.push(`by ${strategy.name}: ${strategy.reason}`)
  if (cost.rowsLost !== undefined) lines.push(`${rows(cost.rowsLost)} lost`)
  if (cost.rowsToBackfill !== undefined)
    lines.push(`${rows(cost.rowsToBackfill)} in its sources to read again`)
  if (downstream.length > 0) lines.push(`followed by ${downstream.join(', ')}`)
  return lines
}

function changeDiff(output: Output, { action, before, after, known, found }: Change): string[] {
  const lines: string[] = []
  if (found !== undefined)
    lines.push(
      output.color('yellow', known === undefined ? 'found in the target:' : 'changed in the target:'),
      ...diffLines(output, known ?? '', found),
    )
  if ((action === 'alter' || action === 'replace') && before !== undefined && after !== undefined)
    lines.push(...diffLines(output, laidOut(before), laidOut(after)))
  return lines
}

function showSteps(output: Output, plan: Plan): void {
  if (plan.operations.every(({ type }) => type === 'create')) return
  output.line()
  for (const [at, { type, kind, name }] of plan.operations.entries())
    output.line(
      output.color('dim', `${String(at + 1).padStart(3)}. ${type} ${kind.replaceAll('_', ' ')} ${name}`),
    )
}

function countActions(changes: Change[]): string {
  const counts = new Map<Action, number>()
  for (const { action } of changes) counts.set(action, (counts.get(action) ?? 0) + 1)
  return [...counts].map(([action, count]) => `${count} to ${action}`).join(', ')
}

/** Follows an apply: a line per step, with the time it took, and a bar while rows are copied or read again. */
export function applyReporter(output: Output): (event: ApplyEvent) => void {
  let bar: { name: string; progress: Progress } | undefined
  const endBar = () => {
    bar?.progress.stop()
    bar = undefined
  }
  return (event) => {
    if (event.type === 'progress') {
      if (bar?.name !== event.name) {
        endBar()
        bar = { name: event.name, progress: output.progress(`${event.name}: ${event.what}`, event.total) }
      }
      bar!.progress.update(event.done, event.total)
    } else endBar()
    if (event.type === 'done') {
      const width = String(event.total).length
      output.line(
        `[${String(event.index).padStart(width)}/${event.total}] ${event.operation} ${event.kind.replaceAll('_', ' ')} ` +
          `${event.name} ${output.color('dim', `${Math.round(event.ms)} ms`)}`,
      )
    }
  }
}
