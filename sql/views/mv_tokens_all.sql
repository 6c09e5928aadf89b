-- list of all tokens → jupiter_tokens, in the lowest band. A token that left the list stays as an inactive row.
CREATE MATERIALIZED VIEW mv_tokens_all INTO jupiter_tokens AS
SELECT
  'all' AS jup_token_type,
  address,
  symbol,
  name,
  decimals,
  false AS is_banned,
  listed AS active,
  updated_at,
  to_uint64(to_unix_timestamp64_milli(updated_at)) AS ver
FROM token_all_raw;
