-- The top of each scan, with security data and a risk score.
--
-- `rank < 20` stands in the innermost query, before the function: BirdEye sells its answers, and a filter outside
-- would run after the calls. Each query around it adds one thing, so that each function runs once a row.
--
-- birdeye_token_security is remote: the engine posts a block of addresses to `tpctl udf serve`, which caches, keeps
-- to the plan's rate and never fails the view: where it has no answer it returns {"error": …}.
-- token_risk_score runs inside the engine and turns that JSON into a score from 0 to 100.
CREATE MATERIALIZED VIEW mv_trending_enriched INTO trending_enriched AS
SELECT
  ts, source, `window`, rank, address, symbol, name, decimals, jup_token_type, banned, price_usd, liquidity_usd, mcap,
  fdv, volume_5m_usd, volume_24h_usd, price_change_5m_pct, holder_count, security, risk,
  json_extract_float(risk, 'score') AS risk_score,
  json_extract_string(risk, 'level') AS risk_level
FROM (
  SELECT
    ts, source, `window`, rank, address, symbol, name, decimals, jup_token_type, banned, price_usd, liquidity_usd,
    mcap, fdv, volume_5m_usd, volume_24h_usd, price_change_5m_pct, holder_count, security,
    token_risk_score(security) AS risk
  FROM (
    SELECT
      ts, source, `window`, rank, address, symbol, name, decimals, jup_token_type, banned, price_usd, liquidity_usd,
      mcap, fdv, volume_5m_usd, volume_24h_usd, price_change_5m_pct, holder_count,
      birdeye_token_security(address) AS security
    FROM (
      SELECT
        ts, source, `window`, rank, address, symbol, name, decimals, jup_token_type, banned, price_usd,
        liquidity_usd, mcap, fdv, volume_5m_usd, volume_24h_usd, price_change_5m_pct, holder_count
      FROM trending_categorized
      WHERE rank < ${ENRICH_RANK_BELOW:-20}
    )
  )
)
SETTINGS checkpoint_interval = 5;
