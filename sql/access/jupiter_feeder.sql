-- The user of `tpctl feed-tokens` and `tpctl udf serve`. Made where its password is set; without it the target's own user stands in.
-- @editions embedded, enterprise
-- @when TPCTL_FEEDER_PASSWORD
CREATE USER jupiter_feeder IDENTIFIED WITH sha256_password BY '${TPCTL_FEEDER_PASSWORD}';

GRANT tpctl_feeder TO jupiter_feeder;
