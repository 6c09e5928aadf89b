-- Class of every trending message: strict, banned, all or unknown.
--
-- The second half of the join: the newest word on the token's ban, which may be that it was lifted. Then the
-- class, by the same order as `ver` has it. A strict token keeps its class when somebody bans it; the flag tells.
CREATE MATERIALIZED VIEW mv_trending_categorized INTO trending_categorized AS
SELECT
  x.ts AS ts,
  x.source AS source,
  x.`window` AS `window`,
  x.rank AS rank,
  x.address AS address,
  if(x.list_symbol != '', x.list_symbol, x.symbol) AS symbol,
  if(x.list_name != '', x.list_name, x.name) AS name,
  if(x.list_type != '', x.list_decimals, x.decimals) AS decimals,
  multi_if(
    x.list_type = 'strict', 'strict',
    b.is_banned, 'banned',
    x.list_type = 'all' AND x.list_active, 'all',
    'unknown'
  ) AS jup_token_type,
  b.is_banned AS banned,
  x.price_usd AS price_usd,
  x.liquidity_usd AS liquidity_usd,
  x.mcap AS mcap,
  x.fdv AS fdv,
  x.volume_5m_usd AS volume_5m_usd,
  x.volume_24h_usd AS volume_24h_usd,
  x.price_change_5m_pct AS price_change_5m_pct,
  x.buys_5m AS buys_5m,
  x.sells_5m AS sells_5m,
  x.traders_5m AS traders_5m,
  x.holder_count AS holder_count,
  x.organic_score AS organic_score
FROM trending_listed AS x
LEFT ASOF JOIN (
  SELECT address, is_banned, ver
  FROM jupiter_tokens
  WHERE jup_token_type = 'banned'
) AS b ON x.address = b.address AND x.asof_key >= b.ver
SETTINGS keep_versions = 1, checkpoint_interval = 5;
