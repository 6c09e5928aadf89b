-- The topic, with types. A message that does not parse goes to the dead letters: npx tpctl dlq list
CREATE EXTERNAL STREAM orders_topic (
  id string,
  customer string,
  amount float64
)
SETTINGS type = 'kafka', brokers = '${KAFKA_BROKERS}', topic = '${ORDERS_TOPIC:-orders}', data_format = 'JSONEachRow';
