-- The customer as last told: a mutable stream, or a versioned one where an edition has no mutable ones.
CREATE MUTABLE STREAM customers (
  customer_id uint64,
  name string,
  country string,
  updated_at datetime64(3, 'UTC'),
  INDEX by_country (country)
)
PRIMARY KEY customer_id
SETTINGS version_column = 'updated_at', ttl_seconds = 31536000;
