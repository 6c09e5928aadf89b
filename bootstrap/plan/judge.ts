import { printStatement, type Statement } from '../../dialect/index.js'
import { grantsIn } from '../access.js'
import { fingerprint } from '../fingerprint.js'
import { kindWords } from '../kinds.js'
import { type Means, meansOf, riskOfDrop } from '../means.js'
import type { CompiledObject, Deployment, LedgerEntry, LiveObject } from '../model.js'
import { meaningOf, normalForm, normalized, normalText, sameShown } from '../normal_form.js'
import { canReplace, parsedEntry } from '../statements.js'
import type { Verdict } from './verdict.js'

/** Compares an object with what is there of it, before looking at others. */
export function judge(
  object: CompiledObject,
  there: LiveObject | undefined,
  entry: LedgerEntry | undefined,
  deployment: Deployment,
): Verdict {
  if (!there) return absent(entry)
  if (!entry) return foreign(object, there, deployment)
  if (there.kind !== object.kind && object.kind !== 'table') {
    const risk = riskOfDrop(there.kind)
    return {
      action: 'replace',
      how: risk === 'destructive' ? 'destructive' : 'replacement',
      risk,
      reason: `is a ${kindWords(there.kind)} and becomes a ${kindWords(object.kind)}`,
    }
  }
  if (entry.shownHash === '') return interrupted(object, there, entry, deployment)
  const changed = !saysTheSame(entry, object, deployment)
  if (hasDrifted(entry, there, deployment)) {
    const also = changed ? ', and its SQL changed' : ''
    const why = `the engine shows something else than after the last apply${also}`
    const known = entry.shown === '' ? undefined : normalText(entry.shown, deployment.database)
    return { ...byHand(object, there, why, deployment), known }
  }
  if (!changed) return { action: 'unchanged', risk: 'safe', reason: 'as applied' }
  return changing(object, parsedEntry(entry)?.statement, 'its SQL changed', deployment)
}

function absent(entry: LedgerEntry | undefined): Verdict {
  const created: Verdict = { action: 'create', how: 'in_place', risk: 'safe', reason: 'is not there yet' }
  if (!entry || entry.shownHash === '') return created
  return { ...created, reason: 'was dropped since the last apply', drift: true }
}

function foreign(object: CompiledObject, there: LiveObject, deployment: Deployment): Verdict {
  const why = `a ${kindWords(there.kind)} of this name exists, and tpctl did not make it`
  if (there.kind === object.kind) return byHand(object, there, why, deployment)
  const risk = riskOfDrop(there.kind)
  return {
    action: 'replace',
    how: risk === 'destructive' ? 'destructive' : 'replacement',
    risk,
    reason: why,
    drift: true,
    found: normalText(there.shown, deployment.database),
  }
}

/** From what the engine shows now: what was applied once says nothing any more. */
function byHand(object: CompiledObject, there: LiveObject, why: string, deployment: Deployment): Verdict {
  const found = formOf(there, deployment)
  const verdict = changing(object, found, why, deployment)
  return { ...verdict, drift: true, found: normalText(there.shown, deployment.database) }
}

/** The last apply stopped between doing this and writing down that it was done. */
function interrupted(
  object: CompiledObject,
  there: LiveObject,
  entry: LedgerEntry,
  deployment: Deployment,
): Verdict {
  const found = formOf(there, deployment)
  const asWanted =
    found !== undefined &&
    printStatement(found) === printStatement(normalized(object.statement, deployment.database))
  // What cannot be replaced in place was dropped before it was created: if it is there, it is the new one.
  const created =
    entry.action === 'creating' && entry.sqlHash === object.hash && !canBeChanged(object.statement)
  if (asWanted || created)
    return {
      action: 'create',
      how: 'in_place',
      risk: 'safe',
      reason: 'was made by an apply that was interrupted',
      record: true,
    }
  return changing(object, found, `an apply stopped while ${entry.action} it`, deployment)
}

/** How to turn `before`, as far as that is known, into `object`. */
function changing(
  object: CompiledObject,
  before: Statement | undefined,
  why: string,
  { edition, database }: Deployment,
): Verdict {
  const means = meansOf(object, before, edition, database)
  if (means.statements?.length === 0)
    return {
      action: 'create',
      how: 'in_place',
      risk: 'safe',
      reason: `${why} in nothing that matters`,
      record: true,
    }
  return {
    action: means.how === 'alter' ? 'alter' : 'replace',
    how: means.how,
    risk: means.risk,
    reason: reasonOf(means, why),
    ...(means.statements ? { statements: means.statements } : {}),
  }
}

function reasonOf({ how, remark }: Means, why: string): string {
  if (remark === undefined) return why
  return how === 'alter' && why === 'its SQL changed' ? remark : `${why}; ${remark}`
}

/**
 * What was applied means what is wanted: by its hash, or, where a version of tpctl wrote it that spelled things
 * differently, by reading it again. Secrets are hidden in what was written down and are compared by their own hash.
 */
function saysTheSame(entry: LedgerEntry, object: CompiledObject, { edition }: Deployment): boolean {
  if (entry.sqlHash === object.hash) return true
  if (entry.secretsHash !== object.secretsHash) return false
  return meaningOf(entry.sql, edition) === meaningOf(object.hiddenSql, edition)
}

const TOLD_NOTHING = fingerprint('')

function hasDrifted(entry: LedgerEntry, there: LiveObject, { database, secrets }: Deployment): boolean {
  if (entry.shownHash === there.shownHash) return false
  const shown = secrets.redact(there.shown)
  // Functions of which an earlier version of tpctl could not be told anything.
  if (entry.shownHash === TOLD_NOTHING) return false
  // The same text with another hash: what is hidden in it differs.
  if (entry.shown === '' || entry.shown === shown) return true
  return !sameShown(entry.shown, shown, database)
}

/** What is there, as a statement. */
function formOf(there: LiveObject, { database }: Deployment): Statement | undefined {
  return there.kind === 'grant' ? grantsIn(there.shown) : normalForm(there.shown, database)
}

/** Nothing is dropped when these change: that one is there does not tell which one. */
function canBeChanged(statement: Statement): boolean {
  return canReplace(statement) || statement.kind === 'access'
}
