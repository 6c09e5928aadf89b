import { defineConfig } from 'tpctl'

/** A small shop with one object of every kind that tpctl deploys: what each looks like, and how they fit together. */
export default defineConfig({
  name: 'every-kind',
  targets: {
    embedded: { edition: 'embedded' },
    'oss-1.6': { edition: 'oss-1.6' },
    'oss-3': { edition: 'oss-3' },
    enterprise: { edition: 'enterprise', username: 'proton', passwordVariable: 'TIMEPLUS_PASSWORD' },
  },
  variables: { ORDERS_TOPIC: 'orders', SHOP_READER_PASSWORD: 'for this machine only' },
  secrets: ['SHOP_READER_PASSWORD', 'TIMEPLUS_PASSWORD'],
  topics: [{ name: '${ORDERS_TOPIC}', partitions: 1 }],
})
