-- @editions embedded, oss-3, enterprise
CREATE ALERT big_order
BATCH 10 EVENTS WITH TIMEOUT 5s
LIMIT 1 ALERTS PER 1m
CALL tell_sales
AS SELECT customer FROM big_orders WHERE total > 10000;
