-- Signals per class and five minutes.
--
-- A tumbling window closes when the watermark, the largest `ts` seen less the delay, passes its end: the scan of
-- 12:05:10 closes [12:00, 12:05). If the feed falls silent the last window closes after the timeout all the same.
CREATE MATERIALIZED VIEW mv_signals_5m INTO signals_5m AS
SELECT
  window_start,
  window_end,
  jup_token_type,
  count() AS signals,
  unique_exact(address) AS tokens,
  min(rank) AS best_rank,
  avg(risk_score) AS avg_risk_score
FROM tumble(trending_signals, ts, 5m)
GROUP BY window_start, window_end, jup_token_type
EMIT AFTER WINDOW CLOSE WITH DELAY 10s AND TIMEOUT 10m
SETTINGS checkpoint_interval = 5;
