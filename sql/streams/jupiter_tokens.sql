-- The three lists in one stream: what is known of a token, a row for each list it was ever seen in.
--
-- Keyed by list and address, and sharded by the address, so that all that is known of one token is in one place.
-- Each list has its own materialized view that writes here (sql/views/mv_tokens_*.sql).
--
-- `ver` decides everything that order decides elsewhere. It is the time of the row in milliseconds, lifted into
-- the band of its list:
--
--     strict   2^61 + ms     beats
--     banned   2^60 + ms     beats
--     all             ms
--
-- Milliseconds stay below 2^42 for the next hundred years, so the bands never touch. As `version_column` it keeps
-- the newest row of a list; as the inequality of an ASOF join it picks the strongest list of a token. Both rules
-- look at the value and not at the order of arrival: late rows, repeated rows and replays after a restart change
-- nothing, and **a token once strict stays strict**.
--
-- `active` tells whether the list still says so: `all` rows of tokens that left the list and bans that were lifted
-- carry false. Such a row has to stay, with its larger `ver`, to outdate the one before it.
CREATE MUTABLE STREAM jupiter_tokens (
  jup_token_type string COMMENT 'strict | banned | all',
  address string,
  symbol string,
  name string,
  decimals uint8,
  is_banned bool COMMENT 'the row is a ban that stands',
  active bool COMMENT 'the list says so now',
  updated_at datetime64(3, 'UTC'),
  ver uint64
)
PRIMARY KEY (jup_token_type, address)
SETTINGS shards = 3, sharding_expr = 'weak_hash32(address)', version_column = 'ver',
  ttl_seconds = ${TOKEN_TTL_SECONDS:-31536000};
