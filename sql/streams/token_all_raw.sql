-- Every token Jupiter lists (verified, staking, stocks, recent and traded ones): `tpctl feed-tokens --list all`.
--
-- The same shape and rules as `token_strict_raw`: newest `updated_at` wins, leaving the list is `listed = false`.
CREATE MUTABLE STREAM token_all_raw (
  address string COMMENT 'mint address, base58: the only key, since symbols repeat',
  symbol string,
  name string,
  decimals uint8,
  logo_uri string,
  tags array(string),
  listed bool COMMENT 'false once the token has left the list',
  updated_at datetime64(3, 'UTC') COMMENT 'when the feeder saw it so'
)
PRIMARY KEY address
SETTINGS shards = 3, version_column = 'updated_at', ttl_seconds = ${TOKEN_TTL_SECONDS:-31536000};
