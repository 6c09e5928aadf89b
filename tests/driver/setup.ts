import { afterEach, expect } from 'vitest'
import { ProtonClient, type ProtonClientOptions, ProtonError } from '../../driver/index.js'
import { type FakeServer, fakeServer } from './fake_server.js'

export const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of cleanup.splice(0)) await close()
})

export async function setup(
  answer: Parameters<typeof fakeServer>[0],
  options: ProtonClientOptions = {},
): Promise<{ server: FakeServer; client: ProtonClient }> {
  const server = await fakeServer(answer)
  const client = new ProtonClient({ url: server.url, retries: 2, ...options })
  cleanup.push(
    () => client.close(),
    () => server.close(),
  )
  return { server, client }
}

export const failure = (promise: Promise<unknown>): Promise<ProtonError> =>
  promise.then(
    () => Promise.reject(new Error('expected a failure')),
    (error: unknown) => {
      expect(error).toBeInstanceOf(ProtonError)
      return error as ProtonError
    },
  )
