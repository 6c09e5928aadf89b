-- What the pipeline is for: tokens that trend and passed the screen.
CREATE STREAM trending_signals (
  ts datetime64(3, 'UTC'),
  source string,
  rank uint32,
  address string,
  symbol string,
  name string,
  jup_token_type string,
  price_usd nullable(float64),
  liquidity_usd nullable(float64),
  volume_5m_usd nullable(float64),
  volume_24h_usd nullable(float64),
  price_change_5m_pct nullable(float64),
  risk_score float64,
  risk_level string,
  risk string
)
TTL to_datetime(_tp_time) + INTERVAL ${SIGNALS_TTL_DAYS:-30} DAY;
