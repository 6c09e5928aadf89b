-- Who looks: the console, `tpctl tail`, dashboards. Nothing can be changed.
-- @editions embedded, enterprise
CREATE ROLE tpctl_reader;

GRANT SELECT ON default.* TO tpctl_reader;
