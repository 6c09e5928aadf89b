-- The same topic for those who write it as Protobuf.
CREATE EXTERNAL STREAM order_topic_protobuf (
  order_id uint64,
  customer_id uint64,
  sku string
)
SETTINGS type = 'kafka', brokers = '${KAFKA_BROKERS}', topic = '${ORDERS_TOPIC}',
  data_format = 'ProtobufSingle', format_schema = 'order_message:Order';
