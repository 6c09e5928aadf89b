-- Every order once, with what was known of its customer then.
CREATE STREAM orders (
  id string,
  customer string,
  customer_name string COMMENT 'empty where nobody knew the customer',
  amount float64
)
TTL to_datetime(_tp_time) + INTERVAL ${ORDERS_TTL_DAYS:-30} DAY;
