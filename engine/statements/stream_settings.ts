/** Settings that a stream may be created with: those of a 1.6.1 server, then Enterprise's. */
import { EngineError } from '../errors.js'

const STREAM_SETTINGS = new Set(
  `shards replicas sharding_expr event_time_column host_shards subtype version_column mode keep_versions
   logstore_cluster_id logstore_auto_offset_reset logstore_subscription_mode logstore_request_required_acks
   logstore_request_timeout_ms logstore_flush_messages logstore_flush_ms flush_threshold_ms flush_threshold_count
   flush_threshold_bytes default_shards default_replicas default_sharding_expr distributed_ingest_mode logstore
   logstore_replication_factor storage_type logstore_codec logstore_retention_bytes logstore_retention_ms
   index_granularity index_granularity_bytes min_bytes_for_wide_part min_rows_for_wide_part ttl_only_drop_parts
   merge_with_ttl_timeout storage_policy max_bytes_to_merge_at_max_space_in_pool parts_to_delay_insert
   parts_to_throw_insert old_parts_lifetime fsync_after_insert allow_nullable_key
   replication_factor shared_disk ingest_mode ack placement_policies ttl_seconds ttl_column coalesced
   late_insert_overrides auto_cf kvstore_codec kvstore_options enable_hash_index enable_statistics fast_replication
   ack_timeout fetch_threads log_kvstore logstore_flush_rows fetch_max_wait_ms`.split(/\s+/),
)

/** Settings of random streams. */
const RANDOM_SETTINGS = new Set(['eps', 'interval_time', 'max_events', 'shards'])

/** Throws UNKNOWN_SETTING (115). */
export function checkStreamSettings(settings: Record<string, string>): void {
  for (const name of Object.keys(settings)) {
    if (!STREAM_SETTINGS.has(name)) {
      throw new EngineError('UNKNOWN_SETTING', `Unknown setting ${name}: for storage Stream`)
    }
  }
}

export function checkRandomSettings(settings: Record<string, string>): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!RANDOM_SETTINGS.has(name)) {
      throw new EngineError('UNKNOWN_SETTING', `Unknown setting ${name}: for storage Random`)
    }
    if (!Number.isFinite(Number(value)) || Number(value) < 0) {
      throw new EngineError(
        'BAD_ARGUMENTS',
        `Setting ${name} of a random stream must be a number of at least 0, not '${value}'`,
      )
    }
    if (name === 'interval_time' && (Number(value) === 0 || Number(value) > 1000)) {
      throw new EngineError(
        'INVALID_SETTING_VALUE',
        'Storage Random requires interval_time to be at most 1000ms and bigger than 0ms',
      )
    }
  }
}
