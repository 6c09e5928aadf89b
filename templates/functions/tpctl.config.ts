import { defineConfig } from 'tpctl'

/** Log lines with their level, found by a function of ours, and with what a service outside says of their host. */
export default defineConfig({
  name: '__PROJECT_NAME__',
  sql: 'sql',
  udfs: 'udfs/index.ts',
  target: 'embedded',
  targets: {
    embedded: { edition: 'embedded' },
    'oss-1.6': { edition: 'oss-1.6' },
    'oss-3': { edition: 'oss-3' },
    enterprise: { edition: 'enterprise', username: 'proton', passwordVariable: 'TPCTL_PASSWORD' },
  },
  secrets: ['TPCTL_PASSWORD', 'UDF_GATEWAY_KEY'],
})
