-- Big orders with what is known of the customer when they come.
CREATE MATERIALIZED VIEW mv_big_orders INTO big_orders AS
SELECT
  o.order_id AS order_id, c.name AS customer, c.country AS country, sku_family(o.sku) AS family, o.total AS total
FROM order_values AS o
LEFT LATEST JOIN customers AS c ON o.customer_id = c.customer_id
WHERE o.total > 1000;
