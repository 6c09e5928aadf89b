CREATE STREAM order_counts (counted_at datetime64(3, 'UTC'), orders uint64)
TTL to_datetime(_tp_time) + INTERVAL 90 DAY;
