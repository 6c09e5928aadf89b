-- Jupiter's verified ("strict") tokens, as `tpctl feed-tokens --list strict` wrote them last.
--
-- Mutable: one row a mint address, and writing the address again replaces the row. `version_column` makes
-- the newest `updated_at` win, whatever order rows arrive in, so feeding an old file again changes nothing.
-- A token that leaves the list is not deleted: it is written once more with `listed = false`.
CREATE MUTABLE STREAM token_strict_raw (
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
