CREATE TASK count_orders SCHEDULE 1m TIMEOUT 10s INTO order_counts AS
SELECT now64(3, 'UTC') AS counted_at, count() AS orders FROM table(orders);
