import { type Edition, printStatement, UserError } from '../dialect/index.js'
import type { ProtonClient } from '../driver/index.js'
import { fingerprint } from './fingerprint.js'
import { nearestName } from './graph.js'
import { kindWords } from './kinds.js'
import { LedgerWriter } from './ledger.js'
import type { CompiledObject, Deployment, LedgerEntry, Live, LiveObject, Plan } from './model.js'
import { normalForm, normalized } from './normal_form.js'

export interface Adopted {
  name: string
  kind: CompiledObject['kind']
  /** `changed`: tpctl made it, somebody else changed it. `foreign`: somebody else made it. */
  was: 'changed' | 'foreign'
  /** What the engine has, laid out for reading. */
  found: string
}

/**
 * Writes down what the target has of the objects that somebody else changed or made, so that it counts as known: a
 * changed object is then as good as applied; one that was only found is compared with the project by its definition.
 * Nothing but the ledger changes.
 * @param names which objects; without any, all
 * @throws UserError ADOPT_UNKNOWN, ADOPT_KIND
 */
export async function adopt(
  plan: Plan,
  deployment: Deployment,
  live: Live,
  client: ProtonClient,
  names: readonly string[] = [],
  signal?: AbortSignal,
): Promise<Adopted[]> {
  const byKey = new Map(deployment.objects.map((object) => [object.key, object]))
  const drifted = plan.changes.filter(({ found }) => found !== undefined)
  assertKnown(names, deployment)
  const chosen = names.length === 0 ? drifted : drifted.filter(({ name }) => names.includes(name))
  const entries = chosen.map(({ key }) => {
    const object = byKey.get(key)!
    return entryFor(object, live.objects.get(key)!, live.ledger.get(key), deployment)
  })
  if (entries.length > 0) {
    const ledger = await LedgerWriter.open(client, signal)
    for (const entry of entries) await ledger.write(entry)
    await ledger.visible(signal)
  }
  return chosen.map(({ key, name, kind, found }) => ({
    name,
    kind,
    was: live.ledger.has(key) ? 'changed' : 'foreign',
    found: found!,
  }))
}

function entryFor(
  object: CompiledObject,
  there: LiveObject,
  entry: LedgerEntry | undefined,
  deployment: Deployment,
): Omit<LedgerEntry, 'appliedAt'> {
  if (there.kind !== object.kind)
    throw new UserError(
      'ADOPT_KIND',
      `${object.name} is a ${kindWords(there.kind)} in the target, and a ${kindWords(object.kind)} in the project.`,
      { where: object.source, suggestion: 'Rename one of them, or replace it with --overwrite-drift.' },
    )
  const { redact } = deployment.secrets
  const { key, name, kind } = object
  const shown = { shown: redact(there.shown), shownHash: there.shownHash }
  // What was applied stays: the next change of the project is told from there.
  if (entry) return { ...entry, ...shown, action: 'adopt' }
  return {
    key,
    name,
    kind,
    action: 'adopt',
    deployment: '',
    ...shown,
    ...definition(object, there, deployment),
  }
}

/** Of an object of somebody else: as the project has it if that comes to the same, else as the engine tells it. */
function definition(
  object: CompiledObject,
  there: LiveObject,
  { edition, database, secrets }: Deployment,
): Pick<LedgerEntry, 'sql' | 'sqlHash' | 'secretsHash'> {
  const text = (statement: Parameters<typeof printStatement>[0], of: Edition) =>
    printStatement(statement, { edition: of })
  const found = normalForm(there.shown, database)
  if (!found || text(found, edition) === text(normalized(object.statement, database), edition))
    return { sql: object.hiddenSql, sqlHash: object.hash, secretsHash: object.secretsHash }
  const sql = secrets.redact(text(found, edition))
  return { sql, sqlHash: fingerprint(sql), secretsHash: '' }
}

function assertKnown(names: readonly string[], { objects }: Deployment): void {
  const known = objects.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return
  const nearest = nearestName(unknown, known)
  throw new UserError('ADOPT_UNKNOWN', `The project has no object '${unknown}'.`, {
    suggestion: nearest ? `Did you mean '${nearest}'?` : '`tpctl plan` lists what can be adopted.',
  })
}
