-- Readings that somebody should look at.
CREATE STREAM alarms (
  device string,
  celsius float64,
  level string COMMENT 'hot | burning'
)
TTL to_datetime(_tp_time) + INTERVAL ${ALARMS_TTL_DAYS:-30} DAY;
