-- What the UDF gateway has learnt about tokens, so that a restart costs no BirdEye credits.
-- The gateway reads it when it starts and writes each new answer; nothing else does.
CREATE MUTABLE STREAM token_security (
  address string,
  security string COMMENT 'JSON as birdeye_token_security returns it',
  provider string COMMENT 'birdeye | recorded',
  fetched_at datetime64(3, 'UTC')
)
PRIMARY KEY address
SETTINGS version_column = 'fetched_at', ttl_seconds = ${SECURITY_TTL_SECONDS:-604800};
