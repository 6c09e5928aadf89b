-- The filter stands inside, before the remote function: each call of that costs a request.
CREATE MATERIALIZED VIEW mv_problems INTO problems AS
SELECT host, line, level, json_extract_string(host_owner(host), 'team') AS team
FROM (
  SELECT host, line, level
  FROM (SELECT host, line, log_level(line) AS level FROM log_lines)
  WHERE level != 'info'
);
