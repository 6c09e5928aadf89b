import { defineConfig } from 'tpctl'

/** Readings of devices: the hot ones are written down, and counted by the minute. */
export default defineConfig({
  name: '__PROJECT_NAME__',
  sql: 'sql',
  target: 'embedded',
  targets: {
    embedded: { edition: 'embedded' },
    'oss-1.6': { edition: 'oss-1.6' },
    'oss-3': { edition: 'oss-3' },
    enterprise: { edition: 'enterprise', username: 'proton', passwordVariable: 'TPCTL_PASSWORD' },
  },
  variables: { HOT_FROM: 90 },
  secrets: ['TPCTL_PASSWORD'],
})
