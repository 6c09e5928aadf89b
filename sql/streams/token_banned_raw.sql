-- Tokens somebody warned of, and why: `tpctl feed-tokens --list banned`.
--
-- Lifting a ban is a row with `banned = false` and a later `updated_at`, never a deletion: a running join sees
-- new rows, not missing ones.
CREATE MUTABLE STREAM token_banned_raw (
  address string COMMENT 'mint address, base58',
  reason string,
  banned bool COMMENT 'false once the ban is lifted',
  updated_at datetime64(3, 'UTC') COMMENT 'when the feeder saw it so'
)
PRIMARY KEY address
SETTINGS shards = 3, version_column = 'updated_at', ttl_seconds = ${TOKEN_TTL_SECONDS:-31536000};
