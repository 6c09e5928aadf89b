-- @editions embedded, oss-3, enterprise
CREATE DICTIONARY customer_names (
  customer_id uint64,
  name string DEFAULT 'somebody'
)
PRIMARY KEY customer_id
SOURCE(TIMEPLUS(STREAM 'customers'))
LAYOUT(HASHED())
LIFETIME(60);
