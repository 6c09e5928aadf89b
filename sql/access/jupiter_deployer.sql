-- For `TPCTL_USERNAME=jupiter_deployer TPCTL_PASSWORD=… tpctl bootstrap`. Made where its password is set; without it the target's own user stands in.
-- @editions embedded, enterprise
-- @when TPCTL_DEPLOYER_PASSWORD
CREATE USER jupiter_deployer IDENTIFIED WITH sha256_password BY '${TPCTL_DEPLOYER_PASSWORD}';

GRANT tpctl_deployer TO jupiter_deployer;
