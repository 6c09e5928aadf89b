import { z } from 'zod'
import { UserError } from '../dialect/index.js'
import { EDITIONS } from './config.js'
import type { Change, Deployment, Live, ObjectKey, Plan } from './model.js'
import { withoutSecrets } from './secrets.js'

/** A plan as a file: what would be done, and what that rests on. Secrets are hidden; hashes stand for texts. */

const text = z.string()
const hash = z.string().describe('Of a text; empty where there is none')

const change = z
  .strictObject({
    key: text,
    name: text,
    kind: text,
    action: z.enum(['create', 'unchanged', 'alter', 'replace', 'drop']),
    how: z
      .enum(['in_place', 'alter', 'replacement', 'destructive'])
      .optional()
      .describe('How the change reaches the target; absent where nothing is to be done'),
    risk: z.enum(['safe', 'rebuilds', 'destructive']),
    reason: text,
    drift: z.boolean().describe('Somebody else changed or made it in the target'),
    source: text.optional().describe('file:line:column of the definition'),
    before: text.optional().describe('Canonical SQL that was applied last'),
    after: text.optional().describe('Canonical SQL that is wanted'),
    known: text.optional().describe('With drift: what the engine showed after the last apply'),
    found: text.optional().describe('With drift: what the engine shows now'),
    cost: z.strictObject({
      rowsLost: z.int().min(0).optional(),
      rowsToBackfill: z.int().min(0).optional().describe('Rows that a rebuilt view would have to read again'),
    }),
    downstream: z.array(text).describe('Keys of the views, tasks and alerts that must follow, in order'),
    steps: z.array(z.int().min(1)).describe('Positions of its steps among the operations'),
    strategy: z.strictObject({ name: text, reason: text }).optional(),
  })
  .describe('What is to be done about one object')

const operation = z.strictObject({
  type: text,
  key: text,
  name: text,
  kind: text,
  statements: z.array(text).describe('SQL in order, secrets hidden'),
})

export const planDocumentSchema = z.strictObject({
  format: z.literal('tpctl-plan'),
  version: z.literal(1),
  project: text,
  target: text,
  edition: z.enum(EDITIONS),
  database: text,
  createdAt: z.iso.datetime(),
  empty: z.boolean().describe('Nothing to do'),
  destructive: z.boolean().describe('Needs --allow-destructive'),
  drifted: z.boolean().describe('Needs --overwrite-drift, or tpctl adopt before'),
  notices: z
    .array(text)
    .default([])
    .describe('What an earlier apply left half done, and what is done about it'),
  outside: z
    .array(z.strictObject({ kind: z.enum(['task', 'alert']), name: text, command: text }))
    .default([])
    .describe('What the edition lacks, and the command of tpctl that runs it from outside'),
  changes: z
    .array(change)
    .describe('Every object of the project in creation order, then what is to be dropped'),
  operations: z.array(operation).describe('In the order in which they are carried out'),
  basis: z
    .record(text, z.strictObject({ wanted: hash, applied: hash, shown: hash }))
    .describe('By key: what the project wants, what was applied last, what the target shows'),
})

export type PlanDocument = z.output<typeof planDocumentSchema>

export function planDocument(
  plan: Plan,
  deployment: Deployment,
  live: Live,
  target: string,
  now = new Date(),
): PlanDocument {
  return {
    format: 'tpctl-plan',
    version: 1,
    project: plan.project,
    target,
    edition: plan.edition,
    database: deployment.database,
    createdAt: now.toISOString(),
    empty: plan.empty,
    destructive: plan.destructive,
    drifted: plan.drifted,
    notices: plan.notices,
    outside: plan.outside,
    changes: plan.changes,
    operations: plan.operations.map(({ type, key, name, kind, statements }) => ({
      type,
      key,
      name,
      kind,
      statements: statements.map((sql) => withoutSecrets(plan.secrets.redact(sql))),
    })),
    basis: basisOf(plan.changes, deployment, live),
  }
}

function basisOf(changes: Change[], deployment: Deployment, live: Live): PlanDocument['basis'] {
  const wanted = new Map(deployment.objects.map(({ key, hash }) => [key, hash]))
  const entry = ({ key }: { key: ObjectKey }) => ({
    wanted: wanted.get(key) ?? '',
    applied: live.ledger.get(key)?.sqlHash ?? '',
    shown: live.objects.get(key)?.shownHash ?? '',
  })
  return Object.fromEntries(changes.map((one) => [one.key, entry(one)]))
}

/** @throws UserError PLAN_FILE */
export function parsePlanDocument(content: string, path: string): PlanDocument {
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch (cause) {
    throw notAPlan(path, cause instanceof Error ? cause.message : undefined)
  }
  const parsed = planDocumentSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw notAPlan(path, issue && `${issue.path.join('.') || 'document'}: ${issue.message}`)
}

function notAPlan(path: string, detail?: string): UserError {
  return new UserError('PLAN_FILE', `${path} is no plan that this version of tpctl can read.`, {
    where: path,
    detail,
    suggestion: 'Make one with `tpctl plan --out <file>`.',
  })
}

/**
 * Holds a plan against the one that would be made now.
 * @throws UserError PLAN_STALE where they differ, with what changed since
 */
export function assertCurrent(saved: PlanDocument, now: PlanDocument): void {
  const changed = [...aboutElse(saved, now), ...aboutObjects(saved, now)]
  if (changed.length === 0 && JSON.stringify(stepsOf(saved)) !== JSON.stringify(stepsOf(now)))
    changed.push('this version of tpctl would do it in another way')
  if (changed.length === 0) return
  throw new UserError('PLAN_STALE', `The plan of ${saved.createdAt} does not fit any more.`, {
    detail: changed.join('\n'),
    suggestion: 'Make a new one with `tpctl plan --out <file>`, look at it, and apply that.',
  })
}

const stepsOf = ({ operations }: PlanDocument) => operations.map(({ type, key }) => [type, key])

function aboutElse(saved: PlanDocument, now: PlanDocument): string[] {
  return (['project', 'target', 'edition', 'database'] as const)
    .filter((what) => saved[what] !== now[what])
    .map((what) => `it is for the ${what} ${saved[what]}, not ${now[what]}`)
}

function aboutObjects(saved: PlanDocument, now: PlanDocument): string[] {
  const said: string[] = []
  const nothing = { wanted: '', applied: '', shown: '' }
  for (const key of new Set([...Object.keys(saved.basis), ...Object.keys(now.basis)])) {
    const before = saved.basis[key] ?? nothing
    const after = now.basis[key] ?? nothing
    if (before.wanted !== after.wanted) said.push(`${key}: the project's definition changed`)
    if (before.shown !== after.shown) said.push(`${key}: ${aboutTarget(before.shown, after.shown)}`)
    else if (before.applied !== after.applied) said.push(`${key}: another deployment came between`)
  }
  return said
}

function aboutTarget(before: string, after: string): string {
  if (before === '') return 'it was made in the target'
  return after === '' ? 'it was dropped in the target' : 'it changed in the target'
}
