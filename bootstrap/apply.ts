import { randomUUID } from 'node:crypto'
import { UserError } from '../dialect/index.js'
import { type ProtonClient, ProtonError } from '../driver/index.js'
import { kindWords } from './kinds.js'
import { type LedgerContent, LedgerWriter } from './ledger.js'
import { assertReachable } from './live.js'
import type { Change, Operation, Plan } from './model.js'
import { copyBack, moveAside } from './replace/aside.js'
import { endHandover, noteOverwrite, startView, stopView } from './replace/handover.js'
import type { DeploymentNote, NotedChange } from './replace/note.js'
import { performTask } from './replace/perform.js'
import { withoutSecrets } from './secrets.js'
import { definitionOf, entryOf, recordShown, run, type Site, waitUntilGone } from './site.js'

export interface ApplyOptions {
  /** Go on where stored rows or the state of views are lost. */
  allowDestructive?: boolean
  /** Go on where the target was changed by somebody else. */
  overwriteDrift?: boolean
  /** Rows that a new version of a view may be behind when it takes over. Default 1000. */
  maxLag?: number
  /** How long former versions are kept, in ms. Default a day. */
  keepMs?: number
  /** How long a server may take to log where a paused view stopped, in ms. Default a minute. */
  logPatienceMs?: number
  /** How long rows of a stream that was moved aside may take to be seen, in ms. Default three seconds. */
  settleMs?: number
  signal?: AbortSignal
}

/** What happens while a plan is applied, in order. Texts have their secrets hidden. */
export type ApplyEvent =
  | { type: 'start'; deployment: string; total: number }
  | {
      type: 'step'
      index: number
      total: number
      operation: Operation['type']
      name: string
      kind: Operation['kind']
    }
  | { type: 'waiting'; name: string; what: string }
  /** Rows of a long step. */
  | { type: 'progress'; name: string; what: string; done: number; total: number }
  | {
      type: 'done'
      index: number
      total: number
      operation: Operation['type']
      name: string
      kind: Operation['kind']
      ms: number
    }

export interface ApplySummary {
  deployment: string
  /** By type of operation. */
  done: Record<Operation['type'], number>
  ms: number
}

/** The word in the ledger for an operation that has begun, and for one that is done. */
const LEDGER_ACTION: Record<'create' | 'alter' | 'drop', { begun: string; done: string }> = {
  create: { begun: 'creating', done: 'create' },
  alter: { begun: 'altering', done: 'alter' },
  drop: { begun: 'dropping', done: 'drop' },
}

/**
 * Carries a plan out, step by step; each is read back before the next begins, and written to the ledger before and
 * after. Stopped at any point, a new plan continues from there.
 * @throws UserError PLAN_NEEDS_CONSENT, PLAN_DRIFT (nothing was done), APPLY_FAILED (names the object), TARGET_UNREACHABLE,
 *   NOT_READY; the signal's reason when it was aborted
 */
export async function applyPlan(
  plan: Plan,
  client: ProtonClient,
  options: ApplyOptions = {},
  onEvent: (event: ApplyEvent) => void = () => {},
): Promise<ApplySummary> {
  const { signal } = options
  const started = performance.now()
  const done: ApplySummary['done'] = { create: 0, alter: 0, drop: 0, record: 0, forget: 0, replace: 0 }
  const deployment = randomUUID()
  if (plan.empty) return { deployment, done, ms: 0 }
  if (plan.destructive && !options.allowDestructive) throw needsConsent(plan)
  if (plan.drifted && !options.overwriteDrift) throw drifted(plan)
  await assertReachable(client, signal)
  const ledger = await LedgerWriter.open(client, signal)
  const total = plan.operations.length
  const site: Site = {
    client,
    ledger,
    deployment,
    edition: plan.edition,
    secrets: plan.secrets,
    options,
    onEvent,
  }
  const note = deploymentNote(plan, ledger.content, deployment)
  await ledger.note(note, deployment)
  onEvent({ type: 'start', deployment, total })
  for (const [position, operation] of plan.operations.entries()) {
    signal?.throwIfAborted()
    const { name, kind, type } = operation
    const index = position + 1
    const from = performance.now()
    onEvent({ type: 'step', index, total, operation: type, name, kind })
    try {
      await perform(operation, site)
    } catch (error) {
      throw failure(error, operation, plan, signal)
    }
    done[type]++
    onEvent({ type: 'done', index, total, operation: type, name, kind, ms: performance.now() - from })
  }
  await ledger.note({ ...note, phase: 'done' }, deployment)
  await ledger.visible(signal)
  return { deployment, done, ms: performance.now() - started }
}

/** What is about to change, with what was before. An apply that was interrupted is part of this one. */
function deploymentNote(plan: Plan, { ledger, deployment }: LedgerContent, id: string): DeploymentNote {
  const changes = new Map<string, NotedChange>()
  if (deployment?.phase === 'running')
    for (const change of deployment.changes) changes.set(change.key, change)
  for (const { key, name, kind, action } of plan.changes) {
    if (action === 'unchanged' || changes.has(key)) continue
    const entry = ledger.get(key)
    const before = entry && { sql: entry.sql, hash: entry.sqlHash, secretsHash: entry.secretsHash }
    changes.set(key, { key, name, kind, ...(before ? { before } : {}) })
  }
  return { what: 'deployment', phase: 'running', id, changes: [...changes.values()] }
}

async function perform(operation: Operation, site: Site): Promise<void> {
  const { ledger, onEvent } = site
  const { name, kind, object, type, statements, handover, aside, task } = operation
  if (task) return performTask(task, site)
  const entry = { ...entryOf(site, operation), ...definitionOf(object) }
  if (type === 'forget') return ledger.write({ ...entry, action: 'drop' })
  if (type === 'create' || type === 'alter' || type === 'drop') {
    if (type === 'drop' && handover) {
      if (handover.from === 'the beginning') await noteOverwrite(site, name, handover.sources)
      else await stopView(site, name, handover.sources)
    }
    await ledger.write({ ...entry, action: LEDGER_ACTION[type].begun })
    if (type === 'create' && handover && object) await startView(site, object, handover.sources)
    else if (type === 'drop' && aside) await moveAside(site, name)
    else await run(site, ...statements)
    if (type === 'create' && aside) await copyBack(site, name)
    if (type === 'drop') {
      await waitUntilGone(site, kind, name)
      return ledger.write({ ...entry, action: LEDGER_ACTION.drop.done })
    }
  }
  if (kind === 'function') onEvent({ type: 'waiting', name, what: 'the engine to know the function' })
  await recordShown(site, { ...entry, action: type === 'alter' ? 'alter' : 'create' })
  if (kind === 'materialized_view') await endHandover(site, name)
}

function needsConsent(plan: Plan): UserError {
  const risky = plan.changes.filter(({ action, risk }) => action !== 'unchanged' && risk !== 'safe')
  return new UserError('PLAN_NEEDS_CONSENT', `${risky.length} of the changes lose something.`, {
    detail: risky.map((change) => `${describeChange(change)}`).join('\n'),
    suggestion: 'Look at `tpctl plan`; if that is what you want, add --allow-destructive.',
  })
}

function drifted(plan: Plan): UserError {
  const found = plan.changes.filter((change) => change.found !== undefined)
  return new UserError('PLAN_DRIFT', `Somebody else changed ${found.length} of the objects in the target.`, {
    detail: found.map((change) => describeChange(change)).join('\n'),
    suggestion:
      'Look at `tpctl plan`; keep what is there with `tpctl adopt`, or undo it with --overwrite-drift.',
  })
}

/** One line: `replace view trending_screened (rebuilds): its SQL changed`. */
export function describeChange({ action, kind, name, risk, reason }: Change): string {
  return `${action} ${kindWords(kind)} ${name}${risk === 'safe' ? '' : ` (${risk})`}: ${reason}`
}

function failure(error: unknown, operation: Operation, plan: Plan, signal?: AbortSignal): unknown {
  signal?.throwIfAborted()
  if (error instanceof UserError) return error
  const { name, kind, type, object } = operation
  const said = error instanceof Error ? error.message : String(error)
  const message = withoutSecrets(plan.secrets.redact(said))
  // A cause is printed with --debug, and must not bring back what was hidden.
  const cause = message === said ? error : undefined
  if (error instanceof ProtonError && error.unreachable)
    return new UserError('TARGET_UNREACHABLE', `The target went away at ${type} of ${name}.`, {
      detail: message,
      suggestion: 'Start it again and repeat the command: it continues where it stopped.',
      cause,
    })
  const code =
    error instanceof ProtonError && error.code > 0 ? `Code ${error.code} (${error.codeName}): ` : ''
  return new UserError('APPLY_FAILED', `Could not ${type} ${kindWords(kind)} ${name}.`, {
    detail: `${code}${message}`,
    where: object?.source,
    suggestion: 'Correct it and run the command again: what was done already stays and is not repeated.',
    cause,
  })
}
