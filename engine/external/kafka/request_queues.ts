import { createRequire } from 'node:module'

interface RequestQueue {
  pending: unknown[]
  scheduleCheckPendingRequests(): void
}

let done = false

/**
 * kafkajs 2.2 sets a timer after each look at the requests that wait, also when none do, and then with a time in the past:
 * every open connection wakes the process a thousand times a second. The timer is needed only while requests wait; where
 * one has to, kafkajs asks for it again.
 */
export function quietRequestQueues(): void {
  if (done) return
  done = true
  const require = createRequire(import.meta.url)
  const { prototype } = require('kafkajs/src/network/requestQueue/index.js') as { prototype: RequestQueue }
  const schedule = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this)
  }
}
