-- strict list → jupiter_tokens.
--
-- `WHERE listed`: what is strict enters, and nothing here ever takes it out again. The row that says a token left
-- the list does not pass, so the one before it stands.
-- 2305843009213693952 is 2^61, the band of strict (see sql/streams/jupiter_tokens.sql).
CREATE MATERIALIZED VIEW mv_tokens_strict INTO jupiter_tokens AS
SELECT
  'strict' AS jup_token_type,
  address,
  symbol,
  name,
  decimals,
  false AS is_banned,
  true AS active,
  updated_at,
  to_uint64(to_unix_timestamp64_milli(updated_at)) + to_uint64(2305843009213693952) AS ver
FROM token_strict_raw
WHERE listed;
