import { describe, expect, it } from 'vitest'
import { readAhead } from '../../../engine/server/read_ahead.js'

const tick = () => new Promise((resolve) => setImmediate(resolve))

/** Chunks of 10 bytes, counting how many were asked for. */
function source(count: number, failAt = Number.POSITIVE_INFINITY) {
  const state = { pulled: 0, closed: false }
  async function* chunks() {
    try {
      for (let i = 0; i < count; i++) {
        if (i === failAt) throw new Error('broken')
        state.pulled++
        yield new Uint8Array(10).fill(i)
      }
    } finally {
      state.closed = true
    }
  }
  return { state, chunks: chunks() }
}

describe('reading ahead', () => {
  it('gives everything in order', async () => {
    const { chunks } = source(50)
    const seen: number[] = []
    for await (const chunk of readAhead(chunks, 100)) seen.push(chunk[0]!)
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i))
  })

  it('finishes a small source while its consumer waits', async () => {
    const { chunks, state } = source(5)
    const iterator = readAhead(chunks, 100)[Symbol.asyncIterator]()
    await iterator.next()
    for (let i = 0; i < 20; i++) await tick()
    expect(state).toEqual({ pulled: 5, closed: true })
    await iterator.return?.()
  })

  it('holds back a large source', async () => {
    const { chunks, state } = source(1000)
    const iterator = readAhead(chunks, 100)[Symbol.asyncIterator]()
    await iterator.next()
    for (let i = 0; i < 20; i++) await tick()
    expect(state.pulled).toBeLessThan(15)
    await iterator.return?.()
    expect(state.closed).toBe(true)
  })

  it('passes an error on behind what came before it', async () => {
    const { chunks } = source(5, 3)
    const seen: number[] = []
    await expect(
      (async () => {
        for await (const chunk of readAhead(chunks, 100)) seen.push(chunk[0]!)
      })(),
    ).rejects.toThrow('broken')
    expect(seen).toEqual([0, 1, 2])
  })
})
