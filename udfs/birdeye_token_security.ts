import bs58 from 'bs58'
import { birdeyeFromEnvironment } from './providers/birdeye.js'
import { recordedProvider } from './providers/recorded.js'
import { defineRemote } from './runtime/define.js'

const MINT_BYTES = 32

/**
 * What BirdEye knows about a token's safety, as JSON: `{"provider", "success": true, "data": {…}}`, or
 * `{"error": …, "provider"}` where there is no answer. Percentages in it are fractions 0..1.
 */
export const birdeyeTokenSecurity = defineRemote({
  name: 'birdeye_token_security',
  description: 'Security data of a Solana token from BirdEye, as JSON',
  args: { address: 'string' },
  refuse: (address) => (isMint(address) ? undefined : 'not a Solana address'),
  providers: { birdeye: birdeyeFromEnvironment, recorded: recordedProvider },
  defaultProvider: (environment) => (environment.BIRDEYE_API_KEY ? 'birdeye' : 'recorded'),
  cache: {
    stream: 'token_security',
    keyColumn: 'address',
    valueColumn: 'security',
    providerColumn: 'provider',
    timeColumn: 'fetched_at',
  },
})

function isMint(address: string): boolean {
  if (address.length < 32 || address.length > 44) return false
  const bytes = bs58.decodeUnsafe(address)
  return bytes !== undefined && bytes.length === MINT_BYTES
}
