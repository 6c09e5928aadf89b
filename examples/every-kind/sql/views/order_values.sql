-- What an order is worth, for every reader alike.
CREATE VIEW order_values AS
SELECT order_id, customer_id, sku, with_tax(to_float64(price) * quantity) AS total, placed_at
FROM orders;
