import { defineConfig } from './bootstrap/config.js'

/** Users of sql/access; where these variables are unset, the target's own user does everything. */
const logins = {
  feeder: { username: 'jupiter_feeder', passwordVariable: 'TPCTL_FEEDER_PASSWORD' },
  reader: { username: 'jupiter_reader', passwordVariable: 'TPCTL_READER_PASSWORD' },
}

/**
 * The flagship: Jupiter's token lists and the five-minute trending feed, classified, enriched with security data,
 * screened, and counted. Every `${NAME}` in sql/ that has no value here or in the environment has its default there.
 */
export default defineConfig({
  name: 'jupiter-trending',
  sql: 'sql',
  udfs: 'udfs/index.ts',
  target: 'embedded',

  targets: {
    /** The local engine that `tpctl up` starts: no Docker, no Java, no key. */
    embedded: { edition: 'embedded', ...logins },

    /** Proton 1.6 on this machine. */
    'oss-1.6': { edition: 'oss-1.6' },

    /** Proton 3 on this machine. */
    'oss-3': { edition: 'oss-3' },

    /** Timeplus Enterprise; the password is in TIMEPLUS_PASSWORD. */
    enterprise: {
      edition: 'enterprise',
      ...logins,
      username: 'proton',
      passwordVariable: 'TIMEPLUS_PASSWORD',
      brokers: '127.0.0.1:19092',
    },

    /** The services of docker-compose.yml, seen from inside its network. */
    compose: {
      edition: 'oss-1.6',
      url: 'http://proton:8123',
      streamUrl: 'http://proton:3218',
      brokers: 'redpanda:9092',
      gatewayUrl: 'http://gateway:9100',
    },
    'compose-enterprise': {
      edition: 'enterprise',
      ...logins,
      url: 'http://timeplus:8123',
      streamUrl: 'http://timeplus:3218',
      username: 'proton',
      passwordVariable: 'TIMEPLUS_PASSWORD',
      brokers: 'redpanda:9092',
      gatewayUrl: 'http://gateway:9100',
    },
  },

  variables: {
    TRENDING_TOPIC: 'trending_5m',
    ENRICH_RANK_BELOW: 20,
    SCREEN_MIN_LIQUIDITY_USD: 10_000,
    SCREEN_MIN_VOLUME_24H_USD: 5_000,
    SCREEN_MIN_HOLDERS: 100,
    SCREEN_MAX_RISK_SCORE: 50,
  },
  secrets: [
    'UDF_GATEWAY_KEY',
    'BIRDEYE_API_KEY',
    'JUPITER_API_KEY',
    'TIMEPLUS_PASSWORD',
    'TPCTL_DEPLOYER_PASSWORD',
    'TPCTL_FEEDER_PASSWORD',
    'TPCTL_READER_PASSWORD',
  ],

  topics: [{ name: '${TRENDING_TOPIC}', partitions: 3 }],

  keys: [
    { name: 'BIRDEYE_API_KEY', purpose: 'token security from BirdEye; without it recorded data is used' },
    { name: 'JUPITER_API_KEY', purpose: 'more than one request every two seconds to Jupiter' },
  ],
})
