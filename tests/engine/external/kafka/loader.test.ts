import { expect, it } from 'vitest'
import type { Chdb, StreamObject, StreamStore } from '../../../../engine/contracts.js'
import { messageFormat } from '../../../../engine/external/kafka/format.js'
import { loadMessages } from '../../../../engine/external/kafka/loader.js'

it('tells of each portion as it is stored, so that a failure behind it brings none again', async () => {
  const messages = Array.from({ length: 50_000 }, (_, offset) => ({
    partition: 0,
    offset,
    timestamp: 0,
    key: null,
    value: Buffer.from(`{"a":${offset}}`),
    headers: {},
  }))
  let appended = 0
  const stored: number[] = []
  const store = {
    async append() {
      if (++appended === 3) throw new Error('disk full')
    },
  } as unknown as StreamStore
  const loading = loadMessages(messages, {
    chdb: {} as Chdb,
    store,
    inbox: {} as StreamObject,
    source: 's',
    topic: 't',
    format: messageFormat({ dataFormat: 'JSONEachRow', formatSchema: undefined }, new Map()),
    columns: [{ name: 'a', chType: 'Int32' }],
    reject: async () => {},
    stored: (portion) => stored.push(...portion.map(({ offset }) => offset)),
  })
  await expect(loading).rejects.toThrow('disk full')
  expect(stored).toEqual(Array.from({ length: 40_000 }, (_, i) => i))
})
