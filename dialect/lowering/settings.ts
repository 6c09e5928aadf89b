import type { Setting, Statement } from '../ast.js'
import { settingIn16 } from '../names.js'
import { EDITION_NAMES, type Lowering } from './support.js'

/** Settings of mutable streams: no other kind of stream takes them. */
export const MUTABLE_SETTINGS = new Set([
  'auto_cf',
  'coalesced',
  'enable_hash_index',
  'enable_statistics',
  'kvstore_codec',
  'kvstore_options',
  'late_insert_overrides',
  'log_kvstore',
  'ttl_column',
  'ttl_seconds',
])

/** Settings of streams that only a cluster has. */
const CLUSTER_SETTINGS = new Set([
  'ack',
  'ingest_mode',
  'memory_weight',
  'placement_policies',
  'preferred_exec_node',
  'replication_factor',
  'shared_disk',
])
/** Settings of a query over a mutable stream. */
const MUTABLE_QUERY_SETTINGS = new Set(['force_full_scan', 'use_index'])

/** Storage and external-stream settings that came after 1.6. */
const NEWER_STORAGE_SETTINGS = new Set([
  'config_file',
  'ingest_batch_max_bytes',
  'ingest_batch_timeout_ms',
  'kafka_schema_registry_ca_location',
  'kafka_schema_registry_cert_file',
  'kafka_schema_registry_private_key_file',
  'kafka_schema_registry_skip_cert_check',
  'named_collection',
  'schema_subject_name',
  'subject_name_strategy',
])

/** Settings that look like tuning but change what a statement means: dropping them would be a lie. */
const ESSENTIAL: Record<string, string> = {
  config_file: 'write the client options into properties and the other settings',
  named_collection: 'write the collection’s settings into the statement',
}

function isMissing(name: string, low: Lowering): boolean {
  if (low.edition === 'embedded' || low.edition === 'enterprise') return false
  if (CLUSTER_SETTINGS.has(name) || MUTABLE_QUERY_SETTINGS.has(name)) return true
  return low.is16 && (NEWER_STORAGE_SETTINGS.has(name) || settingIn16(name) === false)
}

/** The settings that the edition knows. Names that nobody knows stay: the engine will say what is wrong. */
export function lowerSettings(settings: Setting[], low: Lowering): Setting[] {
  return settings.filter((setting) => {
    if (!isMissing(setting.name, low)) return true
    const instead = ESSENTIAL[setting.name]
    if (instead !== undefined) low.refuse(`setting ${setting.name}`, instead)
    low.note(
      'SETTING_DROPPED',
      `${EDITION_NAMES[low.edition]} does not know the setting ${setting.name}; it is left out`,
    )
    return false
  })
}

const KEYS = new Set(['settings', 'storageSettings'])

/** A copy of the statement in which every list of settings is lowered. */
export function lowerAllSettings<T extends object>(node: T, low: Lowering): T {
  if (Array.isArray(node)) {
    const items = node.map((item: unknown) =>
      typeof item === 'object' && item !== null ? lowerAllSettings(item, low) : item,
    )
    return (items.some((item, i) => item !== node[i]) ? items : node) as T
  }
  let copy: Record<string, unknown> | undefined
  for (const [key, value] of Object.entries(node)) {
    if (key === 'span' || typeof value !== 'object' || value === null) continue
    const next =
      KEYS.has(key) && Array.isArray(value)
        ? keptSettings(value as Setting[], low)
        : lowerAllSettings(value, low)
    if (next === value) continue
    copy ??= { ...node } as Record<string, unknown>
    // An empty optional list is left out, as the parser leaves it out.
    const required = key === 'storageSettings' || (key === 'settings' && isCreation(node))
    if (Array.isArray(next) && next.length === 0 && KEYS.has(key) && !required) delete copy[key]
    else copy[key] = next
  }
  return (copy ?? node) as T
}

function keptSettings(settings: Setting[], low: Lowering): Setting[] {
  const kept = lowerSettings(settings, low)
  return kept.length === settings.length ? settings : kept
}

function isCreation(node: object): boolean {
  const kind = (node as { kind?: Statement['kind'] }).kind ?? ''
  return kind.startsWith('create_') && kind !== 'create_function'
}
