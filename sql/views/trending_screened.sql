-- The business filter: which of the enriched tokens are worth a signal. All thresholds are variables of
-- tpctl.config.ts (or of the environment); their defaults are rules that screeners commonly use.
--
--   SCREEN_CLASSES            which classes may pass                                 'strict', 'all'
--   SCREEN_MIN_LIQUIDITY_USD  less and a price means little                          10000
--   SCREEN_MIN_VOLUME_24H_USD traded in a day                                        5000
--   SCREEN_MIN_HOLDERS        fewer and a few wallets are the market                 100
--   SCREEN_MAX_RISK_SCORE     of token_risk_score; mint and freeze authority,
--                             mutable metadata, top holders and fees go into it      50
--
-- A number the source did not give passes: absent is not bad. Liquidity and volume are the exception, since a
-- market without them is none.
CREATE VIEW trending_screened AS
SELECT *
FROM trending_enriched
WHERE jup_token_type IN (${SCREEN_CLASSES:-'strict', 'all'})
  AND NOT banned
  AND coalesce(liquidity_usd, 0) >= ${SCREEN_MIN_LIQUIDITY_USD:-10000}
  AND coalesce(volume_24h_usd, 0) >= ${SCREEN_MIN_VOLUME_24H_USD:-5000}
  AND coalesce(holder_count, ${SCREEN_MIN_HOLDERS:-100}) >= ${SCREEN_MIN_HOLDERS:-100}
  AND risk_score <= ${SCREEN_MAX_RISK_SCORE:-50};
