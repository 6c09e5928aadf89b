-- Which tokens keep trending: how many scans in a row, up to its latest, each token appeared in.
--
-- `consecutive_appearances` is an aggregate of our own (udfs/consecutive_appearances.ts): a run is broken by a scan
-- without the token, and no built-in aggregate counts that. A bounded view over what is stored, so asking costs one
-- pass and keeps no state: `SELECT * FROM trending_streaks ORDER BY streak DESC LIMIT 10`.
CREATE VIEW trending_streaks AS
SELECT
  address,
  consecutive_appearances(scan) AS streak,
  count() AS appearances,
  min(scan_rank) AS best_rank,
  arg_max(token_symbol, scan) AS symbol,
  arg_max(class, scan) AS jup_token_type,
  max(scan) AS last_seen
FROM (
  SELECT address, ts AS scan, rank AS scan_rank, symbol AS token_symbol, jup_token_type AS class
  FROM table(trending_categorized)
)
GROUP BY address;
