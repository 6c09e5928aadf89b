-- @editions embedded, oss-3, enterprise
CREATE VIEW country_names AS
SELECT order_id, dict_get('customer_names', 'name', customer_id) AS customer
FROM orders;
