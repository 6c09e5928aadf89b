import type { ApplyEvent } from '../bootstrap/apply.js'
import type { Action, Change, Plan, Risk } from '../bootstrap/model.js'
import type { Output, Style } from './output.js'

const MARK: Record<Action, [sign: string, style: Style]> = {
  create: ['+', 'green'],
  unchanged: [' ', 'dim'],
  alter: ['~', 'yellow'],
  replace: ['±', 'yellow'],
  drop: ['-', 'red'],
}

const RISK_STYLE: Record<Risk, Style> = { safe: 'dim', rebuilds: 'yellow', destructive: 'red' }

/** Consent that was given already: what is not asked for is not mentioned. */
export interface ConsentOptions {
  allowDestructive?: boolean
  overwriteDrift?: boolean
}

/** A plan for people: what changes and why; what stays is only counted. */
export function showPlan(output: Output, plan: Plan, options: ConsentOptions = {}): void {
  const changes = plan.changes.filter((change) => change.action !== 'unchanged')
  for (const change of changes) output.line(changeLine(output, change))
  const unchanged = plan.changes.length - changes.length
  if (plan.empty) output.line(`Nothing to do: ${unchanged} objects are as they should be.`)
  else {
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
}

function changeLine(output: Output, change: Change): string {
  const [sign, style] = MARK[change.action]
  const risk = change.risk === 'safe' ? '' : ` ${output.color(RISK_STYLE[change.risk], `[${change.risk}]`)}`
  const drift = change.drift ? ` ${output.color('yellow', '[drift]')}` : ''
  const what = `${sign} ${change.action.padEnd(7)} ${change.kind.replaceAll('_', ' ')} ${change.name}`
  return `${output.color(style, what)}${risk}${drift}  ${output.color('dim', change.reason)}`
}

function countActions(changes: Change[]): string {
  const counts = new Map<Action, number>()
  for (const { action } of changes) counts.set(action, (counts.get(action) ?? 0) + 1)
  return [...counts].map(([action, count]) => `${count} to ${action}`).join(', ')
}

/** The same for programs; statements are left out, since they may hold secrets. */
export function planJson(plan: Plan) {
  return {
    project: plan.project,
    edition: plan.edition,
    empty: plan.empty,
    destructive: plan.destructive,
    changes: plan.changes,
  }
}

/** Follows an apply: a line per step, with the time it took. */
export function applyReporter(output: Output): (event: ApplyEvent) => void {
  return (event) => {
    if (event.type === 'done') {
      const width = String(event.total).length
      output.line(
        `[${String(event.index).padStart(width)}/${event.total}] ${event.operation} ${event.kind.replaceAll('_', ' ')} ` +
          `${event.name} ${output.color('dim', `${Math.round(event.ms)} ms`)}`,
      )
    }
  }
}
