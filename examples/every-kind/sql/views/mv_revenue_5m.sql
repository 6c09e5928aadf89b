CREATE MATERIALIZED VIEW mv_revenue_5m INTO revenue_5m AS
SELECT
  window_start, window_end, sku, count() AS orders, sum(to_float64(price) * quantity) AS revenue,
  median_price(to_float64(price)) AS median_price
FROM tumble(orders, placed_at, 5m)
GROUP BY window_start, window_end, sku
EMIT AFTER WINDOW CLOSE WITH DELAY 10s AND TIMEOUT 1m
SETTINGS checkpoint_interval = 5;
