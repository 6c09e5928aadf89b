import { describe, expect, it } from 'vitest'
import { type Fetched, PartitionMerge, unread } from '../../../../engine/external/kafka/merge.js'

/** Messages of a partition by their timestamps, from offset 0; `more` of them are still at the broker. */
function part(partition: number, times: number[], more = 0, from = 0): Fetched {
  const messages = times.map((timestamp, i) => ({
    partition,
    offset: from + i,
    timestamp,
    key: null,
    value: null,
    headers: {},
  }))
  return { partition, messages, after: from + times.length, end: from + times.length + more }
}

const places = (messages: { partition: number; offset: number }[]) =>
  messages.map(({ partition, offset }) => `${partition}:${offset}`).join(' ')

describe('the partitions of a topic', () => {
  it('come in the order of their timestamps when all of them are there', () => {
    const { messages, next } = new PartitionMerge().merge([part(0, [1, 4, 5]), part(1, [2, 3, 6])])
    expect(places(messages)).toBe('0:0 1:0 1:1 0:1 0:2 1:2')
    expect([...next]).toEqual([
      [0, 3],
      [1, 3],
    ])
  })

  it('give what was read before only once', () => {
    const fetched = part(0, [1, 2, 3])
    expect(places(unread(fetched, 2).messages)).toBe('0:2')
    expect(unread(fetched, 7)).toMatchObject({ messages: [], after: 7 })
  })

  it('wait for one that has more to come', () => {
    const merge = new PartitionMerge()
    const first = merge.merge([part(0, [1, 2, 8, 9]), part(1, [1, 3], 2)])
    expect(places(first.messages)).toBe('0:0 1:0 0:1 1:1')
    expect([...first.next]).toEqual([
      [0, 2],
      [1, 2],
    ])
    const second = merge.merge([part(0, [8, 9], 0, 2), part(1, [4, 10], 0, 2)])
    expect(places(second.messages)).toBe('1:2 0:2 0:3 1:3')
  })

  it('keep their own order where timestamps go back', () => {
    const { messages } = new PartitionMerge().merge([part(0, [5, 1, 2]), part(1, [3, 6])])
    expect(places(messages)).toBe('1:0 0:0 0:1 0:2 1:1')
  })

  it('do not wait for ever for one whose clock is behind', () => {
    const merge = new PartitionMerge()
    let rounds = 0
    let offset = 0
    for (;;) {
      const { next } = merge.merge([part(0, [1_000]), part(1, [1, 2], 5, offset)])
      offset += 2
      rounds++
      if (next.has(0)) break
    }
    expect(rounds).toBeGreaterThan(10)
    expect(rounds).toBeLessThan(100)
  })

  it('go on behind what is no message', () => {
    const { messages, next } = new PartitionMerge().merge([{ partition: 0, messages: [], after: 7, end: 7 }])
    expect(messages).toEqual([])
    expect(next.get(0)).toBe(7)
  })
})
