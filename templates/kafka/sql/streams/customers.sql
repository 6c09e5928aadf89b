-- One row a customer; writing the id again replaces it.
CREATE MUTABLE STREAM customers (
  id string,
  name string
)
PRIMARY KEY id
SETTINGS ttl_seconds = ${CUSTOMERS_TTL_SECONDS:-31536000};
