-- @editions embedded, oss-3, enterprise
-- The same topic with its connection in a named collection.
CREATE EXTERNAL STREAM order_topic_named (raw string)
SETTINGS type = 'kafka', named_collection = 'shop_kafka', topic = '${ORDERS_TOPIC}';
