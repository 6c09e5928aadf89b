import { defineConfig } from 'tpctl'

/** A small shop with one object of every kind that tpctl deploys: what each looks like, and how they fit together. */
export default defineConfig({
  name: 'every-kind',
  targets: {
    embedded: { edition: 'embedded' },
    // Users and roles are for who has access management, which `default` has not.
    'oss-1.6': { edition: 'oss-1.6', username: 'proton' },
    'oss-3': { edition: 'oss-3', username: 'proton' },
    enterprise: { edition: 'enterprise', username: 'proton', passwordVariable: 'TIMEPLUS_PASSWORD' },
  },
  variables: { ORDERS_TOPIC: 'orders', SHOP_READER_PASSWORD: 'for this machine only' },
  secrets: ['SHOP_READER_PASSWORD', 'TIMEPLUS_PASSWORD'],
  topics: [{ name: '${ORDERS_TOPIC}', partitions: 1 }],
})
