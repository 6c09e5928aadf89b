import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Clock, RateLimiter } from '../../../udfs/runtime/gateway/limiter.js'

/** Time that passes only when everyone sleeps. */
class FakeClock implements Clock {
  #now = 0
  #sleepers: { at: number; wake: () => void }[] = []

  now(): number {
    return this.#now
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ at: this.#now + ms, wake }))
  }

  async runUntilIdle(): Promise<void> {
    for (;;) {
      for (let i = 0; i < 20; i++) await Promise.resolve()
      this.#sleepers.sort((a, b) => a.at - b.at)
      const next = this.#sleepers.shift()
      if (!next) return
      this.#now = next.at
      next.wake()
    }
  }
}

/** The most turns within any second. */
function busiestSecond(turns: readonly number[]): number {
  const sorted = [...turns].sort((a, b) => a - b)
  return Math.max(0, ...sorted.map((start) => sorted.filter((at) => at >= start && at < start + 1000).length))
}

describe('the rate limiter', () => {
  it('never gives more turns per second than its rate, whenever they are asked for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 60 }),
        async (rate, burst, arrivals) => {
          const clock = new FakeClock()
          const limiter = new RateLimiter(rate, burst, clock)
          const turns: number[] = []
          const asked = arrivals.map(async (at) => {
            await clock.sleep(at)
            await limiter.take()
            turns.push(clock.now())
          })
          await clock.runUntilIdle()
          await Promise.all(asked)
          expect(turns).toHaveLength(arrivals.length)
          expect(busiestSecond(turns)).toBeLessThanOrEqual(rate + burst - 1)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('pauses everyone, and goes on at the usual distance', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter(10, 1, clock)
    const turns: number[] = []
    const asked = Array.from({ length: 5 }, async () => {
      await limiter.take()
      turns.push(clock.now())
      if (turns.length === 1) limiter.pause(5000)
    })
    await clock.runUntilIdle()
    await Promise.all(asked)
    expect(turns[0]).toBe(0)
    expect(turns[1]).toBe(5000)
    for (let i = 2; i < 5; i++) expect(turns[i]! - turns[i - 1]!).toBeGreaterThanOrEqual(100)
  })

  it('without a rate lets everyone through', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter(undefined, 1, clock)
    for (let i = 0; i < 1000; i++) await limiter.take()
    expect(clock.now()).toBe(0)
  })
})
