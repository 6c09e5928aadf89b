/** The flagship's functions: what `tpctl bootstrap` creates and `tpctl udf serve` serves. */
import { birdeyeTokenSecurity } from './birdeye_token_security.js'
import { consecutiveAppearances } from './consecutive_appearances.js'
import type { UdfDefinition } from './runtime/define.js'
import { tokenRiskScore } from './token_risk_score.js'

export { birdeyeTokenSecurity, consecutiveAppearances, tokenRiskScore }

const udfs: readonly UdfDefinition[] = [birdeyeTokenSecurity, tokenRiskScore, consecutiveAppearances]
export default udfs
