import type { Command } from 'commander'

type Register = (program: Command) => void

/**
 * In the order in which help shows them, each with the module that defines it: a call loads what it names, since loading
 * all of them takes longer than most commands.
 */
export const COMMANDS: Record<string, () => Promise<Register>> = {
  demo: async () => (await import('./demo.js')).registerDemo,
  init: async () => (await import('./init.js')).registerInit,
  up: async () => (await import('./up.js')).registerUp,
  down: async () => (await import('./down.js')).registerDown,
  status: async () => (await import('./status.js')).registerStatus,
  logs: async () => (await import('./logs.js')).registerLogs,
  doctor: async () => (await import('./doctor.js')).registerDoctor,
  target: async () => (await import('./target.js')).registerTarget,
  plan: async () => (await import('./plan.js')).registerPlan,
  bootstrap: async () => (await import('./bootstrap.js')).registerBootstrap,
  apply: async () => (await import('./apply.js')).registerApply,
  rollback: async () => (await import('./rollback.js')).registerRollback,
  adopt: async () => (await import('./adopt.js')).registerAdopt,
  render: async () => (await import('./render.js')).registerRender,
  destroy: async () => (await import('./destroy.js')).registerDestroy,
  uninstall: async () => (await import('./uninstall.js')).registerUninstall,
  'feed-tokens': async () => (await import('./feed_tokens.js')).registerFeedTokens,
  'feed-trending': async () => (await import('./feed_trending.js')).registerFeedTrending,
  'run-tasks': async () => (await import('./run_tasks.js')).registerRunTasks,
  'run-alerts': async () => (await import('./run_alerts.js')).registerRunAlerts,
  udf: async () => (await import('./udf.js')).registerUdf,
  dlq: async () => (await import('./dlq.js')).registerDlq,
  pause: async () => (await import('./pause.js')).registerPause,
  resume: async () => (await import('./pause.js')).registerResume,
  backup: async () => (await import('./backup.js')).registerBackup,
  restore: async () => (await import('./backup.js')).registerRestore,
  sql: async () => (await import('./sql.js')).registerSql,
  tail: async () => (await import('./tail.js')).registerTail,
  lint: async () => (await import('./lint.js')).registerLint,
  test: async () => (await import('./test.js')).registerTest,
  smoke: async () => (await import('./smoke.js')).registerSmoke,
  codegen: async () => (await import('./codegen.js')).registerCodegen,
  completion: async () => (await import('./completion.js')).registerCompletion,
  help: async () => (await import('./help.js')).registerHelp,
}
