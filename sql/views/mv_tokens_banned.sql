-- ban list → jupiter_tokens. A lifted ban stays as an inactive row, to outdate the ban it lifts.
-- 1152921504606846976 is 2^60, the band of bans (see sql/streams/jupiter_tokens.sql).
CREATE MATERIALIZED VIEW mv_tokens_banned INTO jupiter_tokens AS
SELECT
  'banned' AS jup_token_type,
  address,
  '' AS symbol,
  '' AS name,
  to_uint8(0) AS decimals,
  banned AS is_banned,
  banned AS active,
  updated_at,
  to_uint64(to_unix_timestamp64_milli(updated_at)) + to_uint64(1152921504606846976) AS ver
FROM token_banned_raw;
