-- Orders as the shop writes them to Kafka.
CREATE EXTERNAL STREAM order_topic (
  order_id uint64,
  customer_id uint64,
  sku string,
  quantity uint32,
  price float64,
  placed_at datetime64(3, 'UTC')
)
SETTINGS type = 'kafka', brokers = '${KAFKA_BROKERS}', topic = '${ORDERS_TOPIC}', data_format = 'JSONEachRow';
