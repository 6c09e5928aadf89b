import type { Command } from 'commander'
import { registerAdopt } from './adopt.js'
import { registerApply } from './apply.js'
import { registerBackup, registerRestore } from './backup.js'
import { registerBootstrap } from './bootstrap.js'
import { registerCodegen } from './codegen.js'
import { registerCompletion } from './completion.js'
import { registerDemo } from './demo.js'
import { registerDestroy } from './destroy.js'
import { registerDlq } from './dlq.js'
import { registerDoctor } from './doctor.js'
import { registerDown } from './down.js'
import { registerFeedTokens } from './feed_tokens.js'
import { registerFeedTrending } from './feed_trending.js'
import { registerHelp } from './help.js'
import { registerInit } from './init.js'
import { registerLint } from './lint.js'
import { registerLogs } from './logs.js'
import { registerPause, registerResume } from './pause.js'
import { registerPlan } from './plan.js'
import { registerRender } from './render.js'
import { registerRollback } from './rollback.js'
import { registerSmoke } from './smoke.js'
import { registerSql } from './sql.js'
import { registerStatus } from './status.js'
import { registerTail } from './tail.js'
import { registerTarget } from './target.js'
import { registerTest } from './test.js'
import { registerUdf } from './udf.js'
import { registerUninstall } from './uninstall.js'
import { registerUp } from './up.js'

/** In the order in which help shows them. */
export const COMMANDS: ((program: Command) => void)[] = [
  registerDemo,
  registerInit,
  registerUp,
  registerDown,
  registerStatus,
  registerLogs,
  registerDoctor,
  registerTarget,
  registerPlan,
  registerBootstrap,
  registerApply,
  registerRollback,
  registerAdopt,
  registerRender,
  registerDestroy,
  registerUninstall,
  registerFeedTokens,
  registerFeedTrending,
  registerUdf,
  registerDlq,
  registerPause,
  registerResume,
  registerBackup,
  registerRestore,
  registerSql,
  registerTail,
  registerLint,
  registerTest,
  registerSmoke,
  registerCodegen,
  registerCompletion,
  registerHelp,
]
