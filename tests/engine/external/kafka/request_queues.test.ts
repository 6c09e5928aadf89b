import { createRequire } from 'node:module'
import { describe, expect, it, vi } from 'vitest'
import { quietRequestQueues } from '../../../../engine/external/kafka/request_queues.js'

const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js')

function queue() {
  const logger = { debug() {}, warn() {} }
  return new RequestQueue({
    maxInFlightRequests: 1,
    requestTimeout: 1_000,
    enforceRequestTimeout: false,
    clientId: 'test',
    broker: 'test',
    logger,
    isConnected: () => true,
  })
}

describe('a queue of requests', () => {
  quietRequestQueues()

  it('sets no timer while nothing waits, and sends what waits', () => {
    vi.useFakeTimers()
    try {
      const idle = queue()
      idle.checkPendingRequests()
      expect(vi.getTimerCount()).toBe(0)

      const busy = queue()
      const sent: string[] = []
      const request = (name: string) => ({ correlationId: name, send: () => sent.push(name), completed() {} })
      busy.pending.push(request('a'))
      busy.inflight.set('other', request('other'))
      busy.checkPendingRequests()
      expect(sent).toEqual([])
      expect(vi.getTimerCount()).toBe(1)
      busy.inflight.clear()
      vi.advanceTimersByTime(50)
      expect(sent).toEqual(['a'])
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })
})
