CREATE STREAM big_orders (
  order_id uint64,
  customer string,
  country string,
  family string,
  total float64
)
TTL to_datetime(_tp_time) + INTERVAL 7 DAY;
