-- @editions oss-3, enterprise
CREATE STREAM order_counts (counted_at datetime64(3, 'UTC'), orders uint64);
