-- tpctl-lint disable=VIEW_WITHOUT_INTO to show one
-- A materialized view without INTO keeps its rows itself.
CREATE MATERIALIZED VIEW page_clicks AS
SELECT page, customer_id
FROM clicks
WHERE page != '/';
