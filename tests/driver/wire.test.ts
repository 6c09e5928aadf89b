import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { ProtonClient, ProtonError } from '../../driver/index.js'
import { fakeServer } from './fake_server.js'
import { TEST_CERT, TEST_KEY } from './tls_cert.js'

const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of cleanup.splice(0)) await close()
})

interface Transcript {
  port: number
  method: string
  path: string
  body?: string
  status?: number
  response_headers?: Record<string, string>
  response?: string
}

/** Requests and answers of a real Proton 1.6.1. They are no part of the repository. */
const TRANSCRIPTS = join(import.meta.dirname, '../../../shared/proton/real-1.6.1/transcripts.jsonl')

describe.skipIf(!existsSync(TRANSCRIPTS))(
  'answers of a real Proton 1.6.1 (skipped where its transcripts are absent)',
  () => {
    const transcripts = existsSync(TRANSCRIPTS)
      ? readFileSync(TRANSCRIPTS, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Transcript)
      : []
    const sql = transcripts.filter(
      (t) => t.status !== undefined && t.method === 'POST' && t.path.startsWith('/?'),
    )

    async function replay(transcript: Transcript): Promise<ProtonClient> {
      const server = await fakeServer((_, response) => {
        const {
          connection: _c,
          'transfer-encoding': _t,
          'keep-alive': _k,
          ...headers
        } = transcript.response_headers ?? {}
        response.writeHead(transcript.status!, headers)
        response.end(transcript.response)
      })
      const client = new ProtonClient({ url: server.url, retries: 0 })
      cleanup.push(
        () => client.close(),
        () => server.close(),
      )
      return client
    }

    it('errors: code, name and text of each', async () => {
      const failed = sql.filter((t) => t.status! >= 400)
      expect(failed.length).toBeGreaterThan(20)
      for (const transcript of failed) {
        const client = await replay(transcript)
        const error = await client.exec(transcript.body ?? '').then(
          () => undefined,
          (e: unknown) => e as ProtonError,
        )
        expect(error).toBeInstanceOf(ProtonError)
        expect(String(error!.code)).toBe(transcript.response_headers!['x-timeplus-exception-code'])
        expect(error!.codeName).toMatch(/^[A-Z][A-Z0-9_]+$/)
        expect(transcript.response).toContain(`(${error!.codeName})`)
        expect(error!.message).not.toMatch(/DB::Exception|\(version/)
        expect(transcript.response).toContain(error!.message)
      }
    })

    it('rows in both formats are the same rows', async () => {
      const formats = ['JSONEachRow', 'JSONCompactEachRowWithNamesAndTypes']
      const both = formats.map(
        (format) =>
          sql.find(
            (t) =>
              t.response_headers?.['x-timeplus-format'] === format &&
              t.body?.includes('18446744073709551615'),
          )!,
      )
      const [objects, arrays] = await Promise.all(both.map(async (t) => (await replay(t)).rows('SELECT')))
      expect(arrays).toEqual(objects)
      expect(arrays![0]).toMatchObject({
        a: 1,
        k: '18446744073709551615',
        m: '170141183460469231731687303715884105727',
        j: [1, 'a'],
      })
      const exact = await (await replay(both[1]!)).rows('SELECT', { integers: 'bigint' })
      expect(exact[0]).toMatchObject({ k: 18446744073709551615n, m: 2n ** 127n - 1n })
    })
  },
)

describe('TLS', () => {
  async function secure(): Promise<number> {
    const server = createServer({ cert: TEST_CERT, key: TEST_KEY }, (request, response) => {
      request.resume()
      response.end('1\n')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanup.push(
      () =>
        new Promise((resolve) => {
          server.closeAllConnections()
          server.close(() => resolve())
        }),
    )
    return (server.address() as AddressInfo).port
  }

  it('trusts the given authority, and no other', async () => {
    const port = await secure()
    const trusting = new ProtonClient({ host: 'localhost', port, tls: { ca: TEST_CERT } })
    const careful = new ProtonClient({ url: `https://localhost:${port}`, retries: 0 })
    const careless = new ProtonClient({
      url: `https://localhost:${port}`,
      tls: { rejectUnauthorized: false },
    })
    cleanup.unshift(...[trusting, careful, careless].map((client) => () => client.close()))
    expect(await trusting.text('SELECT 1', 'CSV')).toBe('1\n')
    expect(await careless.text('SELECT 1', 'CSV')).toBe('1\n')
    const error = await careful.text('SELECT 1', 'CSV').then(
      () => undefined,
      (e: unknown) => e as ProtonError,
    )
    expect(error).toMatchObject({
      codeName: 'UNREACHABLE',
      message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT'),
    })
  })
})

it('waits for an earlier attempt that is still at work', async () => {
  const server = await fakeServer((_, response, index) => {
    if (index === 0) response.destroy()
    else if (index === 1) {
      response.writeHead(500, { 'x-timeplus-exception-code': '216' })
      response.end(
        'Code: 216. DB::Exception: Query with id = x is already running. (QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING) (version 1.6.1)',
      )
    } else response.end('1\n')
  })
  const client = new ProtonClient({ url: server.url })
  cleanup.push(
    () => client.close(),
    () => server.close(),
  )
  expect(await client.text('SELECT 1', 'CSV')).toBe('1\n')
  expect(server.requests).toHaveLength(3)
})
