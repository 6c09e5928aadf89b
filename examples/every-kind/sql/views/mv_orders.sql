-- From the topic into the stream.
CREATE MATERIALIZED VIEW mv_orders INTO orders AS
SELECT order_id, customer_id, sku, quantity, to_decimal64(price, 2) AS price, placed_at
FROM order_topic
SETTINGS seek_to = 'earliest', checkpoint_interval = 5;
