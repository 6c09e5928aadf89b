-- tpctl-lint disable=NO_TTL one row a product
-- The price of a product over time: the largest version wins, three are kept for joins with the past.
CREATE STREAM prices (
  sku string,
  price decimal(18, 2),
  valid_from datetime64(3, 'UTC')
)
PRIMARY KEY sku
SETTINGS mode = 'versioned_kv', version_column = 'valid_from', keep_versions = 3;
