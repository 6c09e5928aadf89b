-- What devices report, one row a reading.
CREATE STREAM readings (
  device string,
  celsius float64
)
TTL to_datetime(_tp_time) + INTERVAL ${READINGS_TTL_DAYS:-7} DAY;
