/**
 * Replays what a 1.6.1 server was asked, and compares the answers. Skipped where the recording is absent.
 * Not replayed: requests that never ended on the real server, and those whose answer differs by intent.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine } from './harness.js'

const FILE = fileURLToPath(new URL('../../../../shared/proton/real-1.6.1/transcripts.jsonl', import.meta.url))

interface Transcript {
  note: string
  port: number
  method: string
  path: string
  body?: string
  headers?: Record<string, string>
  status?: number
  response?: string
  response_headers?: Record<string, string>
  cut?: string
}

/** Where the embedded engine is meant to answer otherwise: it knows statements of later editions, or has its own words. */
const DIFFERENT: { match: RegExp; why: string }[] = [
  { match: /^\/ping$/, why: 'answers health checks' },
  { match: /^\/proton\/info/, why: 'tells its own build' },
  {
    match: /create mutable stream|delete from t1|show functions|show create function|system pause/,
    why: 'statement of a later edition',
  },
  { match: /create task|create alert/, why: 'another code: known, not supported here' },
  { match: /^use nope|create database|show streams from d2/, why: 'databases are allowed' },
  { match: /PrettyCompact/, why: 'widths of tabs and of zoned times' },
  { match: /table\((?:mv2|tgt)\)/, why: 'a view over a keyed stream begins with what stands in it' },
  { match: /system\.functions/, why: 'aggregates are told apart, brackets are not repeated' },
  { match: /^show create rs$/, why: 'intervals are printed short' },
  { match: /^\/proton\/v1\/udfs/, why: 'order of keys; deleting works' },
  { match: /kill-me/, why: 'see queries.test.ts' },
  { match: /explain/, why: "the store's own plan" },
]

const transcripts: Transcript[] = existsSync(FILE)
  ? readFileSync(FILE, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Transcript)
  : []
const replayed = transcripts.filter(
  (t) =>
    t.status !== undefined &&
    !t.cut &&
    !DIFFERENT.some(({ match }) => match.test(t.body ?? '') || match.test(t.path)),
)

/** Ids, times and host names differ from run to run; the list of what a parser expected is its own. */
function comparable(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>')
    .replace(/"elapsed": [\d.e-]+/g, '"elapsed": 0')
    .replace(/<elapsed>[^<]*/g, '<elapsed>0')
    .replace(/"(rows|bytes)_read": \d+/g, '"$1_read": 0')
    .replace(/<(rows|bytes)_read>\d+/g, '<$1_read>0')
    .replace(/Expected one of:[\s\S]*\. \(SYNTAX_ERROR\)/, 'Expected one of: …. (SYNTAX_ERROR)')
    .replace('zero/NULL', 'zero/null')
    .replace(/\.?: while executing '[\s\S]*ValuesBlockInputFormat/, '')
    .replace(/ Maybe you meant: \[[^\]]*\]\./, '')
}

describe.skipIf(transcripts.length === 0)('recorded requests', () => {
  let engine: TestEngine
  beforeAll(async () => {
    engine = await TestEngine.start()
  })
  afterAll(() => engine?.close())

  async function send(t: Transcript) {
    const base = t.port === 8123 ? engine.engine.url : engine.engine.streamUrl
    const response = await fetch(base + t.path, {
      method: t.method,
      ...(t.body ? { body: t.body } : {}),
      headers: t.headers,
    })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }

  for (const [index, t] of transcripts.entries()) {
    if (!replayed.includes(t)) continue
    it(`${index}: ${t.note} ${(t.body ?? decodeURIComponent(t.path)).slice(0, 80)}`, async () => {
      const answer = await send(t)
      expect({ status: answer.status, text: comparable(answer.text) }).toEqual({
        status: t.status,
        text: comparable(t.response ?? ''),
      })
      for (const name of ['content-type', 'x-timeplus-exception-code', 'x-timeplus-format']) {
        expect(answer.headers.get(name), name).toBe(t.response_headers?.[name] ?? null)
      }
    })
  }
})
