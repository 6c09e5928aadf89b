/** Project → deployment → plan → apply. */
export { type ApplyEvent, type ApplyOptions, type ApplySummary, applyPlan, describeChange } from './apply.js'
export { compile } from './compile.js'
export { defineConfig, EDITIONS, type Edition, type TpctlConfig, type TpctlConfigInput } from './config.js'
export { CONFIG_FILES, loadConfig } from './config_loader.js'
export { destroy, planDestroy } from './destroy.js'
export { type Check, type CheckStatus, type DoctorOptions, doctor } from './doctor.js'
export { loadDefinitions } from './functions.js'
export { LEDGER } from './ledger.js'
export { assertReachable, readLive } from './live.js'
export type {
  Action,
  Change,
  CompiledObject,
  Cost,
  Deployment,
  How,
  LedgerEntry,
  Live,
  LiveObject,
  ObjectKey,
  Operation,
  Plan,
  Risk,
  Strategy,
} from './model.js'
export { planDeployment } from './plan.js'
export { type LoadOptions, loadProject, type Project } from './project.js'
export { type RenderOptions, renderScript } from './render.js'
export { connect, type Environment, resolveTarget, type Target, type TargetOverrides } from './target.js'
export { ensureTopics, listTopics } from './topics.js'
export { until } from './until.js'
