import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { writeSyntheticList } from '../../scripts/index.js'
import { fakeServer } from '../driver/fake_server.js'

const ROWS = 100_000
const ROOT = join(import.meta.dirname, '../..')

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tpctl-memory-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

/** Feeds in a process of its own with a heap of 40 MB, which 100,000 tokens held as objects would burst. */
it('holds no list in memory, neither the source nor the stream', async () => {
  const list = join(dir, 'list.jsonl')
  await writeSyntheticList(list, ROWS)
  const stored: string[] = []
  const columns = ['address', 'symbol', 'name', 'decimals', 'logo_uri', 'tags', 'listed', 'updated_at']
  const server = await fakeServer(async (request, response) => {
    server.requests.length = 0
    if (request.url.searchParams.get('query')?.startsWith('INSERT')) {
      for (const line of request.body.trim().split('\n')) {
        const row = JSON.parse(line) as Record<string, unknown>
        stored.push(`${JSON.stringify(columns.map((column) => row[column]))}\n`)
      }
      response.end()
      return
    }
    response.write(`${JSON.stringify(columns)}\n${JSON.stringify(columns.map(() => 'string'))}\n`)
    for (let i = 0; i < stored.length; i += 1000) {
      if (!response.write(stored.slice(i, i + 1000).join(''))) await once(response, 'drain')
    }
    response.end()
  })
  try {
    const script = join(dir, 'feed.cjs')
    await build({
      stdin: {
        contents: `import { feedTokens } from './scripts/tokens/feed.ts'
          import { ProtonClient } from './driver/index.ts'
          const [url, file] = process.argv.slice(2)
          const client = new ProtonClient({ url })
          const feed = () => feedTokens({ list: 'all', source: 'file', file, client })
          feed().then(async (first) => {
            const second = await feed()
            await client.close()
            process.send({ first, second, megabytes: process.resourceUsage().maxRSS / 1024 })
          })`,
        resolveDir: ROOT,
      },
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      logLevel: 'error',
    })
    const child = fork(script, [server.url, list], { execArgv: ['--max-old-space-size=40'] })
    const outcome = await Promise.race([once(child, 'message'), once(child, 'exit')])
    expect(outcome[0]).toMatchObject({
      first: { written: ROWS, unchanged: 0 },
      second: { written: 0, unchanged: ROWS },
    })
    expect(outcome[0].megabytes).toBeLessThan(250)
  } finally {
    await server.close()
  }
})
