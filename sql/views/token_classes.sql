-- The class of every known token right now, for people: `SELECT * FROM token_classes WHERE symbol = 'JUP'`.
--
-- A bounded view (`table(…)` reads what is stored and ends). Among the rows that still stand the largest `ver`
-- wins, which is strict before banned before all.
CREATE VIEW token_classes AS
SELECT
  address,
  arg_max(jup_token_type, ver) AS jup_token_type,
  max(is_banned) AS banned,
  arg_max_if(symbol, ver, jup_token_type != 'banned') AS symbol,
  arg_max_if(name, ver, jup_token_type != 'banned') AS name,
  max(updated_at) AS updated_at
FROM table(jupiter_tokens)
WHERE active
GROUP BY address;
