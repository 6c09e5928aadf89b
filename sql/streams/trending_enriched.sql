-- The top of each scan with what BirdEye says about the token's safety, and our score of it.
CREATE STREAM trending_enriched (
  ts datetime64(3, 'UTC'),
  source string,
  `window` string,
  rank uint32,
  address string,
  symbol string,
  name string,
  decimals uint8,
  jup_token_type string,
  banned bool,
  price_usd nullable(float64),
  liquidity_usd nullable(float64),
  mcap nullable(float64),
  fdv nullable(float64),
  volume_5m_usd nullable(float64),
  volume_24h_usd nullable(float64),
  price_change_5m_pct nullable(float64),
  holder_count nullable(uint64),
  security string COMMENT 'JSON as the gateway answered; {"error": …} where it could not',
  risk string COMMENT 'JSON of token_risk_score: score, level, reasons',
  risk_score float64 COMMENT '0 harmless … 100 dangerous',
  risk_level string
)
TTL to_datetime(_tp_time) + INTERVAL ${TRENDING_TTL_DAYS:-7} DAY;
