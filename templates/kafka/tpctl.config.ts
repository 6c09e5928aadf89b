import { defineConfig } from 'tpctl'

/** Orders from a Kafka topic, with the name of the customer, in a stream. */
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
  variables: { ORDERS_TOPIC: 'orders' },
  secrets: ['TPCTL_PASSWORD'],
  topics: [{ name: '${ORDERS_TOPIC}', partitions: 3 }],
})
