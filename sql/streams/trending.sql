-- The trending feed as it comes from Kafka or Redpanda: one message a token and scan, a scan every five minutes.
-- `tpctl feed-trending` produces it; the message key is the address.
--
-- An external stream stores nothing: it is the topic, with types. Fields it does not declare are skipped, fields a
-- message lacks are NULL here (or the type's default, where that is clear enough). Who reads it decides where to
-- begin: see `seek_to` in sql/views/trending_listed.sql.
CREATE EXTERNAL STREAM trending (
  ts datetime64(3, 'UTC') COMMENT 'time of the scan',
  source string COMMENT 'jupiter | birdeye | replay',
  `window` string COMMENT 'what the ranking looks at: 5m, 1h, …',
  rank uint32 COMMENT '1 is the hottest',
  address string,
  symbol string,
  name string,
  decimals uint8,
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
SETTINGS type = 'kafka', brokers = '${KAFKA_BROKERS}', topic = '${TRENDING_TOPIC:-trending_5m}',
  data_format = 'JSONEachRow';
