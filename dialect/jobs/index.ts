/** What tasks and alerts mean, whoever runs them: the embedded engine inside, or tpctl from outside. Pure. */
export {
  type Admission,
  type AlertPolicy,
  admit,
  alertPolicy,
  alertProblem,
  batchSize,
  deadlineOf,
} from './alert_policy.js'
export { dueRun, neverRun, nextRun, type Schedule, scheduleOf } from './schedule.js'
