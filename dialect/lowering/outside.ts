import type { CreateAlert, CreateTask } from '../ast.js'
import { alertProblem, scheduleOf } from '../jobs/index.js'
import { printExpr } from '../printer/index.js'
import { EDITION_NAMES, type Lowering } from './support.js'

/**
 * Tasks and alerts of an edition that has none: they stay what they are, for a runner of tpctl, where it can run
 * them. Only what a statement says by itself is looked at here; what it reads and calls is the project's matter.
 */
export function taskOutside(task: CreateTask, low: Lowering): CreateTask {
  const { name } = task.name
  if (!scheduleOf(task.schedule))
    low.refuse(
      `tasks, and \`tpctl run-tasks\` cannot run ${name} at ${printExpr(task.schedule)}`,
      "write an interval such as 5m, or five fields of cron in quotes: SCHEDULE '0 6 * * *'",
    )
  low.note('RUN_OUTSIDE', `${EDITION_NAMES[low.edition]} has no tasks: \`tpctl run-tasks\` runs ${name}`)
  return task
}

export function alertOutside(alert: CreateAlert, low: Lowering): CreateAlert {
  const { name } = alert.name
  const problem = alertProblem(alert)
  if (problem)
    low.refuse(
      `alerts, and \`tpctl run-alerts\` cannot run ${name} with ${printExpr(problem.expr)}`,
      problem.wanted === 'number' ? 'write a positive number' : 'write an interval such as 5m',
    )
  low.note('RUN_OUTSIDE', `${EDITION_NAMES[low.edition]} has no alerts: \`tpctl run-alerts\` runs ${name}`)
  return alert
}
