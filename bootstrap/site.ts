import type { ProtonClient } from '../driver/index.js'
import type { ApplyEvent, ApplyOptions } from './apply.js'
import type { Edition } from './config.js'
import type { LedgerWriter } from './ledger.js'
import type { CompiledObject, DeployedKind, LedgerEntry, Secrets } from './model.js'
import { shownObject } from './shown.js'
import { until } from './until.js'

/** Where a plan is carried out. */
export interface Site {
  client: ProtonClient
  ledger: LedgerWriter
  deployment: string
  edition: Edition
  secrets: Secrets
  options: ApplyOptions
  onEvent: (event: ApplyEvent) => void
}

/** Runs a statement, and every one after it only when it is through. */
export async function run({ client, options }: Site, ...statements: string[]): Promise<void> {
  for (const statement of statements) await client.exec(statement, { signal: options.signal })
}

export function waitFor<T>(
  { options }: Site,
  what: string,
  probe: () => Promise<T | undefined>,
  timeoutMs?: number,
): Promise<T> {
  return until(probe, { what, signal: options.signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
}

export async function waitUntilGone(site: Site, kind: DeployedKind, name: string): Promise<void> {
  await waitFor(site, `${name} to be gone`, async () =>
    (await shownObject(site.client, kind, name, site.options.signal)) === undefined ? true : undefined,
  )
}

type Written = Omit<LedgerEntry, 'appliedAt'>

/** An entry whose outcome is not known yet. */
export function entryOf(site: Site, object: Pick<CompiledObject, 'key' | 'name' | 'kind'>): Written {
  const { key, name, kind } = object
  const { deployment } = site
  return {
    key,
    name,
    kind,
    deployment,
    action: '',
    sqlHash: '',
    sql: '',
    secretsHash: '',
    shown: '',
    shownHash: '',
  }
}

/** What of a definition is written down. */
export function definitionOf(
  object: CompiledObject | undefined,
): Pick<Written, 'sqlHash' | 'sql' | 'secretsHash'> {
  return {
    sqlHash: object?.hash ?? '',
    sql: object?.hiddenSql ?? '',
    secretsHash: object?.secretsHash ?? '',
  }
}

/** Reads an object back from the engine, and writes down that it is as it was wanted. */
export async function recordShown(site: Site, entry: Written): Promise<void> {
  const { kind, name } = entry
  const now = await waitFor(site, `${name} to appear`, () =>
    shownObject(site.client, kind, name, site.options.signal),
  )
  await site.ledger.write({ ...entry, shown: site.secrets.redact(now.shown), shownHash: now.shownHash })
}
