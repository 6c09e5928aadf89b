import { afterEach, expect, it } from 'vitest'
import { ProtonClient } from '../../driver/index.js'
import { fakeServer } from './fake_server.js'

const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of cleanup.splice(0)) await close()
})

it('tells a function as the REST API does, and that there is none', async () => {
  const server = await fakeServer((request, response) => {
    const known = request.url.pathname === '/proton/v1/udfs/h%201'
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' })
    response.end(
      known
        ? '{"data":{"name":"h 1","type":"javascript","source":"x"},"request_id":"r"}'
        : `{"code":46,"error_msg":"Code: 46. DB::Exception: User-defined function 'h2' doesn't exist.","request_id":""}`,
    )
  })
  const client = new ProtonClient({ url: server.url })
  cleanup.push(
    () => client.close(),
    () => server.close(),
  )
  expect(await client.udf('h 1')).toEqual({ name: 'h 1', type: 'javascript', source: 'x' })
  await expect(client.udf('h2')).rejects.toMatchObject({ code: 46 })
})
