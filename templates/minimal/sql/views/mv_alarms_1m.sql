-- A window closes when a later alarm is seen.
CREATE MATERIALIZED VIEW mv_alarms_1m INTO alarms_1m AS
SELECT window_start, device, count() AS alarms, max(celsius) AS hottest
FROM tumble(alarms, 1m)
GROUP BY window_start, device
EMIT AFTER WINDOW CLOSE;
