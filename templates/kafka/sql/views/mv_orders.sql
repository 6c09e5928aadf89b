-- orders_topic + customers → orders, from the first message of the topic on.
CREATE MATERIALIZED VIEW mv_orders INTO orders AS
SELECT o.id AS id, o.customer AS customer, c.name AS customer_name, o.amount AS amount
FROM orders_topic AS o
LEFT JOIN customers AS c ON o.customer = c.id
SETTINGS seek_to = 'earliest';
