import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Engine, type EngineOptions, startEngine } from '../../../engine/engine.js'

export const ANY_PORTS = { http: 0, stream: 0, metrics: 0, kafka: 0 }

export interface Answer {
  status: number
  headers: Headers
  text: string
}

/** An engine in a folder of its own, spoken to over HTTP. */
export class TestEngine {
  private constructor(
    readonly dir: string,
    public engine: Engine,
    readonly options: Partial<EngineOptions>,
  ) {}

  static async start(options: Partial<EngineOptions> = {}): Promise<TestEngine> {
    const dir = await mkdtemp(join(tmpdir(), 'tpctl-engine-'))
    return new TestEngine(dir, await startEngine({ dir, ports: ANY_PORTS, ...options }), options)
  }

  async restart(): Promise<void> {
    await this.engine.close()
    this.engine = await startEngine({ dir: this.dir, ports: ANY_PORTS, ...this.options })
  }

  async close(): Promise<void> {
    await this.engine.close()
    await rm(this.dir, { recursive: true, force: true })
  }

  /** `POST /` on the snapshot port, or on the streaming one. */
  async sql(
    body: string | Uint8Array,
    options: { params?: Record<string, string>; stream?: boolean; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const url = new URL(options.stream ? this.engine.streamUrl : this.engine.url)
    for (const [name, value] of Object.entries(options.params ?? {})) url.searchParams.set(name, value)
    const response = await fetch(url, { method: 'POST', body, headers: options.headers })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }

  /** Rows of a statement that must succeed, as JSON objects. */
  async rows(sql: string): Promise<Record<string, unknown>[]> {
    const answer = await this.sql(sql, { params: { default_format: 'JSONEachRow' } })
    if (answer.status !== 200) throw new Error(answer.text)
    return answer.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  async run(sql: string): Promise<void> {
    const answer = await this.sql(sql)
    if (answer.status !== 200) throw new Error(`${sql}: ${answer.text}`)
  }

  /** A streaming query: its text so far, and a way to leave it. */
  async tail(sql: string, params: Record<string, string> = {}) {
    const url = new URL(this.engine.streamUrl)
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value)
    const abort = new AbortController()
    const response = await fetch(url, { method: 'POST', body: sql, signal: abort.signal })
    const state = { text: '', ended: false }
    const reading = (async () => {
      const decoder = new TextDecoder()
      try {
        for await (const chunk of response.body!) state.text += decoder.decode(chunk, { stream: true })
      } catch {
        // Left.
      }
      state.ended = true
    })()
    return {
      status: response.status,
      headers: response.headers,
      state,
      ended: reading,
      async leave() {
        abort.abort()
        await reading
      },
    }
  }

  async rest(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; json: Record<string, unknown> }> {
    const response = await fetch(this.engine.streamUrl + path, {
      method,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: response.status, json: JSON.parse(await response.text()) as Record<string, unknown> }
  }
}

/** Polls until `check` gives something other than undefined. */
export async function until<T>(check: () => Promise<T | undefined>, ms = 15_000): Promise<T> {
  const deadline = Date.now() + ms
  for (;;) {
    const found = await check()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error('waited in vain')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
