import { describe, expect, it } from 'vitest'
import { failure, setup } from './setup.js'

describe('writing', () => {
  it('cuts batches, keeps 64-bit integers, and pulls rows only as they are taken', async () => {
    let pulled = 0
    const pulledAt: number[] = []
    const { server, client } = await setup((_, response) => {
      pulledAt.push(pulled)
      response.end()
    })
    async function* source() {
      for (; pulled < 5; ) {
        pulled++
        yield {
          id: 2n ** 63n + BigInt(pulled),
          'na`me': "'); DROP STREAM t; --",
          at: new Date(0),
          tags: ['a'],
          skip: undefined,
        }
      }
    }
    const progress: number[] = []
    const summary = await client.insert('db.t', source(), {
      columns: ['id', 'na`me', 'at', 'tags'],
      batchRows: 2,
      onBatch: ({ rows }) => progress.push(rows),
    })
    expect(summary).toEqual({ rows: 5, batches: 3 })
    expect(progress).toEqual([2, 4, 5])
    expect(pulledAt).toEqual([2, 4, 5])
    expect(server.requests[0]!.url.searchParams.get('query')).toBe(
      'INSERT INTO db.t (id, `na\\`me`, at, tags) FORMAT JSONEachRow',
    )
    expect(server.requests[0]!.body.split('\n')[0]).toBe(
      '{"id":9223372036854775809,"na`me":"\'); DROP STREAM t; --","at":"1970-01-01 00:00:00.000","tags":["a"]}',
    )
  })

  it('repeats a batch only under an idempotent id, the same each time', async () => {
    const { server, client } = await setup((_, response, index) => {
      if (index === 1) response.destroy()
      else response.end()
    })
    const rows = [[1], [2], [3]]
    await client.insert('t', rows, { columns: ['i'], batchRows: 2, idempotentId: "o'clock" })
    const sent = server.requests.map((r) => [r.url.searchParams.get('query'), r.body])
    expect(sent).toEqual([
      ["INSERT INTO t (i) SETTINGS idempotent_id='o\\'clock-0' FORMAT JSONCompactEachRow", '[1]\n[2]\n'],
      ["INSERT INTO t (i) SETTINGS idempotent_id='o\\'clock-1' FORMAT JSONCompactEachRow", '[3]\n'],
      ["INSERT INTO t (i) SETTINGS idempotent_id='o\\'clock-1' FORMAT JSONCompactEachRow", '[3]\n'],
    ])
    const plain = await setup((_, response) => void response.destroy())
    expect((await failure(plain.client.insert('t', rows, { columns: ['i'] }))).codeName).toBe('BROKEN')
    expect(plain.server.requests).toHaveLength(1)
  })

  it('refuses arrays that do not fit their columns', async () => {
    const { client, server } = await setup((_, response) => void response.end())
    expect((await failure(client.insert('t', [[1, 2]], { columns: ['a'] }))).message).toContain('1 values')
    expect((await failure(client.insert('t', [[1]]))).message).toContain('`columns`')
    expect(server.requests).toHaveLength(0)
  })

  it('ingests through REST with its idempotent id', async () => {
    const { client, server } = await setup((_, response) => void response.end('{"request_id":"r1"}'))
    const answer = await client.ingest(
      't/x',
      {
        columns: ['i', 's'],
        data: [
          [7, 'r'],
          [9007199254740993n, null],
        ],
      },
      { idempotentId: 'abc', mode: 'sync' },
    )
    expect(answer).toEqual({ request_id: 'r1' })
    const [request] = server.requests
    expect(request!.url.pathname).toBe('/proton/v1/ingest/streams/t%2Fx')
    expect(request!.url.searchParams.get('mode')).toBe('sync')
    expect(request!.headers['x-timeplus-idempotent-id']).toBe('abc')
    expect(request!.body).toBe('{"columns":["i","s"],"data":[[7,"r"],[9007199254740993,null]]}')
  })
})
