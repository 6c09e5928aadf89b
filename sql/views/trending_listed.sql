-- Trending messages, each with the strongest listing of its token: strict before all.
--
-- LEFT ASOF JOIN: every message finds at most one row of the right side, and passes without one too (then with
-- empty columns). The right side keeps, per address, the row with the largest `ver` (`keep_versions = 1`), so
-- strict wins over all whatever came last. `asof_key` is larger than any `ver`: 4611686018427387904 is 2^62. It is
-- built from a column only because an inequality between a constant and a column is no join condition.
--
-- Do not join on time instead (`t._tp_time >= j.updated_at`): with one version kept, a message older than the
-- token's last update would find nothing.
--
-- Bans are left out of this side and joined apart, in mv_trending_categorized. In one join a ban would hide the
-- `all` row under it for ever, also after it is lifted: the join remembers the largest `ver` it has ever seen.
--
-- `seek_to` says where a new reader of the topic begins: at its first message, so that none is lost when the feed
-- starts before the pipeline. Afterwards the position is in the view's checkpoint, and a changed view goes on from
-- there. Only where the plan says `restart` it has none and reads the topic again: set TRENDING_SEEK_TO=latest where old
-- messages must not come twice then.
CREATE VIEW trending_listed AS
SELECT
  t.ts AS ts,
  t.source AS source,
  t.`window` AS `window`,
  t.rank AS rank,
  t.address AS address,
  t.symbol AS symbol,
  t.name AS name,
  t.decimals AS decimals,
  t.price_usd AS price_usd,
  t.liquidity_usd AS liquidity_usd,
  t.mcap AS mcap,
  t.fdv AS fdv,
  t.volume_5m_usd AS volume_5m_usd,
  t.volume_24h_usd AS volume_24h_usd,
  t.price_change_5m_pct AS price_change_5m_pct,
  t.buys_5m AS buys_5m,
  t.sells_5m AS sells_5m,
  t.traders_5m AS traders_5m,
  t.holder_count AS holder_count,
  t.organic_score AS organic_score,
  t.asof_key AS asof_key,
  j.jup_token_type AS list_type,
  j.symbol AS list_symbol,
  j.name AS list_name,
  j.decimals AS list_decimals,
  j.active AS list_active
FROM (
  SELECT
    ts, source, `window`, rank, address, symbol, name, decimals, price_usd, liquidity_usd, mcap, fdv,
    volume_5m_usd, volume_24h_usd, price_change_5m_pct, buys_5m, sells_5m, traders_5m, holder_count, organic_score,
    to_uint64(to_unix_timestamp64_milli(_tp_time)) + to_uint64(4611686018427387904) AS asof_key
  FROM trending
  SETTINGS seek_to = '${TRENDING_SEEK_TO:-earliest}'
) AS t
LEFT ASOF JOIN (
  SELECT address, jup_token_type, symbol, name, decimals, active, ver
  FROM jupiter_tokens
  WHERE jup_token_type != 'banned'
) AS j ON t.address = j.address AND t.asof_key >= j.ver
SETTINGS keep_versions = 1;
