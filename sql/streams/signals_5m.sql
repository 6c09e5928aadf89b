-- Signals counted per class in windows of five minutes of scan time.
CREATE STREAM signals_5m (
  window_start datetime64(3, 'UTC'),
  window_end datetime64(3, 'UTC'),
  jup_token_type string,
  signals uint64,
  tokens uint64 COMMENT 'distinct addresses among them',
  best_rank uint32,
  avg_risk_score float64
)
TTL to_datetime(_tp_time) + INTERVAL ${SIGNALS_TTL_DAYS:-30} DAY;
