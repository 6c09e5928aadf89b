-- @editions embedded, oss-3, enterprise
CREATE NAMED COLLECTION shop_kafka AS
  brokers = '${KAFKA_BROKERS}' OVERRIDABLE,
  security_protocol = 'PLAINTEXT';
