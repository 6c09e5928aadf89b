-- Lines as hosts send them.
CREATE STREAM log_lines (
  host string,
  line string
)
TTL to_datetime(_tp_time) + INTERVAL ${LOG_TTL_DAYS:-3} DAY;
