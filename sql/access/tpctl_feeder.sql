-- Who brings data in: feeders write the token lists and read them to see what is new; the gateway keeps its answers.
-- Scans come by Kafka, whose users are the broker's.
-- @editions embedded, enterprise
CREATE ROLE tpctl_feeder;

GRANT SELECT, INSERT ON token_strict_raw,
  SELECT, INSERT ON token_all_raw,
  SELECT, INSERT ON token_banned_raw,
  SELECT, INSERT ON token_security
  TO tpctl_feeder;
