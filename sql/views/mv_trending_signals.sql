-- Screened tokens, written down: a view forgets, a stream can be alerted on, counted and looked up tomorrow.
CREATE MATERIALIZED VIEW mv_trending_signals INTO trending_signals AS
SELECT
  ts, source, rank, address, symbol, name, jup_token_type, price_usd, liquidity_usd, volume_5m_usd, volume_24h_usd,
  price_change_5m_pct, risk_score, risk_level, risk
FROM trending_screened
SETTINGS checkpoint_interval = 5;
