-- readings → alarms. HOT_FROM is a variable of tpctl.config.ts.
CREATE MATERIALIZED VIEW mv_alarms INTO alarms AS
SELECT device, celsius, if(celsius >= ${HOT_FROM:-90} + 30, 'burning', 'hot') AS level
FROM readings
WHERE celsius >= ${HOT_FROM:-90};
