import {
  type Expr,
  functionIn16,
  type Query,
  type Setting,
  type Statement,
  settingIn16,
  type TypeNode,
  typeIn16,
} from '../../dialect/index.js'

/**
 * What a Proton 1.6.1 would refuse of a statement although it parses: settings, types and functions that it does not
 * have. Names of query settings, types and functions are those that a server listed; settings of streams those of its
 * source.
 */
export function refusedBy16(statement: Statement, ownFunctions: ReadonlySet<string>): string[] {
  const refused: string[] = []
  const settings = (list: readonly Setting[], known: (name: string) => boolean, what: string) => {
    for (const { name } of list) if (!known(name)) refused.push(`${what} ${name}`)
  }
  const isQuerySetting = (name: string) => settingIn16(name) === true
  const storage: Partial<Record<Statement['kind'], (name: string) => boolean>> = {
    create_stream: (name) => STREAM_SETTINGS.has(name),
    create_external_stream: (name) => EXTERNAL_STREAM_SETTINGS.has(name) || isQuerySetting(name),
    create_random_stream: (name) => RANDOM_STREAM_SETTINGS.has(name),
  }
  const own = storage[statement.kind]
  if (own) settings((statement as { settings: Setting[] }).settings, own, 'storage setting')

  const visit = (node: unknown, key = ''): void => {
    if (Array.isArray(node)) for (const item of node) visit(item, key)
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return
    const one = node as { kind?: string; name?: unknown }
    if (key === 'type' && one.kind !== undefined) indexType(node as Expr)
    else if (key === 'type' || key === 'returns') type(node as TypeNode)
    else {
      if (one.kind === 'call' || one.kind === 'table_function') call(String(one.name))
      if (one.kind === 'select')
        settings((node as Extract<Query, { kind: 'select' }>).settings ?? [], isQuerySetting, 'setting')
      for (const [name, value] of Object.entries(node)) if (name !== 'span') visit(value, name)
    }
  }
  const type = ({ name, args }: TypeNode): void => {
    if (!typeIn16(name)) refused.push(`type ${name}`)
    for (const arg of args ?? []) if (arg.kind === 'type' || arg.kind === 'named') type(arg.type)
  }
  const indexType = (node: Expr): void => {
    const name = node.kind === 'call' ? node.name : node.kind === 'column' ? node.path.join('.') : node.kind
    if (!INDEX_TYPES.has(name)) refused.push(`index type ${name}`)
  }
  const call = (name: string): void => {
    if (!ownFunctions.has(name) && functionIn16(name) !== true) refused.push(`function ${name}`)
  }
  visit(statement)
  return refused
}

const words = (text: string) => new Set(text.trim().split(/\s+/))

const INDEX_TYPES = words('minmax set bloom_filter ngrambf_v1 tokenbf_v1')

/** What a stream takes in 1.6.1, as far as anybody sets it: the rest tunes merges and replication. */
const STREAM_SETTINGS = words(`
  mode version_column keep_versions event_time_column shards replicas sharding_expr default_sharding_expr storage_type
  storage_policy flush_threshold_bytes flush_threshold_count flush_threshold_ms index_granularity
  index_granularity_bytes logstore logstore_codec logstore_flush_messages logstore_flush_ms logstore_retention_bytes
  logstore_retention_ms logstore_replication_factor merge_with_ttl_timeout ttl_only_drop_parts distributed_ingest_mode
  allow_nullable_key write_final_mark`)

const EXTERNAL_STREAM_SETTINGS = words(`
  type brokers topic security_protocol username password sasl_mechanism ssl_ca_cert_file ssl_ca_pem skip_ssl_cert_check
  properties poll_waittime_ms sharding_expr message_key one_message_per_row data_format row_delimiter max_row_length
  log_files log_dir timestamp_regex hash_bytes`)

const RANDOM_STREAM_SETTINGS = words('eps interval_time shards')
