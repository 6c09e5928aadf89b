-- Who deploys: everything in the database of the project, and functions, which stand in no database. Whoever changes
-- this folder needs ACCESS MANAGEMENT besides, which the role leaves to the built-in user on purpose.
-- @editions embedded, enterprise
CREATE ROLE tpctl_deployer;

GRANT SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE, SHOW ON default.*,
  CREATE FUNCTION, DROP FUNCTION, SYSTEM, SHOW USERS, SHOW ROLES, SHOW ROW POLICIES, KILL QUERY ON *.*
  TO tpctl_deployer;
