-- Every trending message once, with the class of its token at that moment.
--
-- An append stream is a log: rows are never changed, so this says what was known then. `_tp_time` is the time of
-- arrival and drives the TTL; `ts` is the time of the scan and drives the windows. They are kept apart because a
-- replay of last month's scans arrives today and must not expire today.
CREATE STREAM trending_categorized (
  ts datetime64(3, 'UTC'),
  source string,
  `window` string,
  rank uint32,
  address string,
  symbol string COMMENT 'from the list where the token is in one: a message may lie',
  name string,
  decimals uint8,
  jup_token_type string COMMENT 'strict | banned | all | unknown',
  banned bool COMMENT 'a ban stands; a strict token may be banned too',
  price_usd nullable(float64),
  liquidity_usd nullable(float64),
  mcap nullable(float64),
  fdv nullable(float64),
  volume_5m_usd nullable(float64),
  volume_24h_usd nullable(float64),
  price_change_5m_pct nullable(float64),
  buys_5m nullable(uint32),
  sells_5m nullable(uint32),
  traders_5m nullable(uint32),
  holder_count nullable(uint64),
  organic_score nullable(float64)
)
TTL to_datetime(_tp_time) + INTERVAL ${TRENDING_TTL_DAYS:-7} DAY;
