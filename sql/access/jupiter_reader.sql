-- The user of `tpctl sql` and `tpctl tail`. Made where its password is set; without it the target's own user stands in.
-- @editions embedded, enterprise
-- @when TPCTL_READER_PASSWORD
CREATE USER jupiter_reader IDENTIFIED WITH sha256_password BY '${TPCTL_READER_PASSWORD}';

GRANT tpctl_reader TO jupiter_reader;
