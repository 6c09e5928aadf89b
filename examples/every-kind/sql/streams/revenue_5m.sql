CREATE STREAM revenue_5m (
  window_start datetime64(3, 'UTC'),
  window_end datetime64(3, 'UTC'),
  sku string,
  orders uint64,
  revenue float64,
  median_price float64
)
TTL to_datetime(_tp_time) + INTERVAL 90 DAY;
