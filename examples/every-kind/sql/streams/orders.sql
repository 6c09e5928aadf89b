-- Orders as they were placed: an append stream. Rows go after a month; the index skips blocks of other customers.
CREATE STREAM orders (
  order_id uint64,
  customer_id uint64,
  sku string,
  quantity uint32 DEFAULT 1,
  price decimal(18, 2) COMMENT 'of one piece, without tax',
  placed_at datetime64(3, 'UTC'),
  INDEX by_customer customer_id TYPE minmax GRANULARITY 4
)
TTL to_datetime(_tp_time) + INTERVAL 30 DAY
SETTINGS event_time_column = 'placed_at', logstore_retention_ms = 86400000;
