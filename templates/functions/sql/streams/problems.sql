-- Lines that are no mere information, with the team to ask.
CREATE STREAM problems (
  host string,
  line string,
  level string,
  team string
)
TTL to_datetime(_tp_time) + INTERVAL ${LOG_TTL_DAYS:-3} DAY;
