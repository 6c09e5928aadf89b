-- The class of every known token right now, for people: `SELECT * FROM token_classes WHERE symbol = 'JUP'`.
--
-- A bounded view (`table(…)` reads what is stored and ends). Among the rows that still stand the largest `ver`
-- wins, which is strict before banned before all. The inner names differ from the outer ones because an alias
-- that is called like a column would stand for it in the other aggregates.
CREATE VIEW token_classes AS
SELECT
  address,
  arg_max(list, ver) AS jup_token_type,
  max(is_banned) AS banned,
  arg_max_if(list_symbol, ver, list != 'banned') AS symbol,
  arg_max_if(list_name, ver, list != 'banned') AS name,
  max(seen_at) AS updated_at
FROM (
  SELECT
    address, jup_token_type AS list, is_banned, symbol AS list_symbol, name AS list_name, updated_at AS seen_at, ver
  FROM table(jupiter_tokens)
  WHERE active
)
GROUP BY address;
