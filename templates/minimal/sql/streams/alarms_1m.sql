-- Alarms of each device by the minute.
CREATE STREAM alarms_1m (
  window_start datetime64(3, 'UTC'),
  device string,
  alarms uint64,
  hottest float64
)
TTL to_datetime(_tp_time) + INTERVAL ${ALARMS_TTL_DAYS:-30} DAY;
