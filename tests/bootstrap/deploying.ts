import { applyPlan } from '../../bootstrap/apply.js'
import { compile } from '../../bootstrap/compile.js'
import { readLive } from '../../bootstrap/live.js'
import type { Plan } from '../../bootstrap/model.js'
import { planDeployment } from '../../bootstrap/plan.js'
import { loadProject } from '../../bootstrap/project.js'
import type { FakeEngine } from './fake_engine.js'
import { projectFolder } from './project_folder.js'

/** Drops and creates views. How they are replaced where more can be done is tests/bootstrap/replace. */
const EDITION = 'oss-1.6'

export async function deploymentOf(files: Record<string, string>, env: Record<string, string> = {}) {
  return compile(await loadProject(await projectFolder(files), { env }), EDITION)
}

export async function planOf(
  files: Record<string, string>,
  engine: FakeEngine,
  env?: Record<string, string>,
): Promise<Plan> {
  const deployment = await deploymentOf(files, env)
  return planDeployment(deployment, await readLive(engine.client, deployment.objects))
}

export async function deploy(
  files: Record<string, string>,
  engine: FakeEngine,
  allowDestructive = false,
): Promise<Plan> {
  const plan = await planOf(files, engine)
  await applyPlan(plan, engine.client, { allowDestructive })
  return plan
}

/** What changes, and what is lost by it, by key. */
export const actions = (plan: Plan) =>
  Object.fromEntries(
    plan.changes
      .filter(({ action }) => action !== 'unchanged')
      .map(({ key, action, risk }) => [key, `${action} ${risk}`]),
  )
