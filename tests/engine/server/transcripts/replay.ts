/** Sends what a 1.6.1 server was asked to an engine, and tells where the answers differ. */
import { readFileSync } from 'node:fs'
import { LATER, REASONS, type Reason } from './reasons.js'

export interface Transcript {
  note: string
  port: number
  method: string
  path: string
  body?: string
  headers?: Record<string, string>
  /** Absent where the recording client gave up before anything came. */
  status?: number
  response?: string
  response_headers?: Record<string, string>
  /** The recording client stopped reading: the answer goes on. */
  cut?: string
}

export interface Outcome {
  status: number | undefined
  code: string | undefined
  contentType: string | undefined
  format: string | undefined
  text: string
  /** The answer was not over when the client stopped waiting. */
  open: boolean
}

export interface Compared {
  index: number
  request: Transcript
  recorded: Outcome
  got: Outcome
  agrees: boolean
  reason: Reason | undefined
}

/** How long an answer that ends may take, one that goes on is read, and one that never came is waited for. */
const WAIT_MS = { whole: 20_000, open: 2_500, none: 250 }

export function readTranscripts(file: string): Transcript[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Transcript)
}

export async function replay(
  transcripts: Transcript[],
  urls: { url: string; streamUrl: string },
): Promise<Compared[]> {
  const found: Compared[] = []
  const pending: Promise<void>[] = []
  const send = async (request: Transcript) => {
    const index = transcripts.indexOf(request)
    const recorded = recordedOutcome(request)
    const got = await ask(request, urls)
    found.push({ index, request, recorded, got, agrees: same(recorded, got), reason: reasonOf(request) })
  }
  const inOrder = transcripts.filter((t) => !reasonOf(t)?.last)
  for (const request of inOrder) {
    // The recording shows a query that others see running behind those that saw it.
    if (isKilled(request)) continue
    const victim = inOrder.find((t) => isKilled(t) && sees(request, t))
    if (victim && pending.length === 0) {
      pending.push(send(victim))
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    await send(request)
  }
  await Promise.all(pending)
  for (const request of transcripts) if (reasonOf(request)?.last) await send(request)
  return found.sort((a, b) => a.index - b.index)
}

const queryId = (t: Transcript) => /[?&]query_id=([^&]+)/.exec(t.path)?.[1]
const isKilled = (t: Transcript) => queryId(t) !== undefined
const sees = (t: Transcript, victim: Transcript) => t.body?.includes(`'${queryId(victim)}'`) === true

function reasonOf(t: Transcript): Reason | undefined {
  return REASONS.find(({ match }) => match.test(t.body ?? '') || match.test(t.path))
}

function recordedOutcome(t: Transcript): Outcome {
  const headers = t.response_headers ?? {}
  return {
    status: t.status,
    code: headers['x-timeplus-exception-code'],
    contentType: headers['content-type'],
    format: headers['x-timeplus-format'],
    text: t.response ?? '',
    open: t.status === undefined || t.cut !== undefined,
  }
}

async function ask(t: Transcript, urls: { url: string; streamUrl: string }): Promise<Outcome> {
  const outcome: Outcome = {
    status: undefined,
    code: undefined,
    contentType: undefined,
    format: undefined,
    text: '',
    open: false,
  }
  const giveUp = new AbortController()
  const wait = isKilled(t)
    ? WAIT_MS.open
    : t.status === undefined
      ? WAIT_MS.none
      : t.cut === undefined
        ? WAIT_MS.whole
        : WAIT_MS.open
  const timer = setTimeout(() => giveUp.abort(), wait)
  try {
    const response = await fetch((t.port === 8123 ? urls.url : urls.streamUrl) + t.path, {
      method: t.method,
      ...(t.body ? { body: t.body } : {}),
      headers: t.headers,
      signal: giveUp.signal,
    })
    outcome.status = response.status
    outcome.code = response.headers.get('x-timeplus-exception-code') ?? undefined
    outcome.contentType = response.headers.get('content-type') ?? undefined
    outcome.format = response.headers.get('x-timeplus-format') ?? undefined
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) outcome.text += decoder.decode(chunk, { stream: true })
  } catch {
    outcome.open = true
  } finally {
    clearTimeout(timer)
  }
  return outcome
}

/** Where nothing was recorded, nothing may come: a header alone tells that the query runs. */
function same(recorded: Outcome, got: Outcome): boolean {
  if (recorded.status === undefined) return got.open && got.text === ''
  return (
    got.open === recorded.open &&
    got.status === recorded.status &&
    got.code === recorded.code &&
    got.contentType === recorded.contentType &&
    got.format === recorded.format &&
    comparable(got.text) === comparable(recorded.text)
  )
}

/** Ids, times and host names differ from run to run; the list of what a parser expected is its own. */
export function comparable(text: string): string {
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

const isAnswered = (one: Compared) => one.recorded.status !== undefined

/** What both servers can answer: requests with a recorded answer, less statements that came after 1.6.1. */
export function comparables(all: Compared[]): Compared[] {
  return all.filter((one) => isAnswered(one) && one.reason?.why !== LATER)
}

/** The figures as a table, and every disagreement with its reason. */
export function report(all: Compared[]): string {
  const rows = [
    ['recorded requests', all],
    ['with a recorded answer', all.filter(isAnswered)],
    ['of these, in the language of 1.6.1', comparables(all)],
    ['without an answer: the recording client gave up', all.filter((one) => !isAnswered(one))],
  ] as const
  const table = rows.map(([name, some]) => {
    const agreeing = some.filter((one) => one.agrees).length
    const percent = `${((100 * agreeing) / some.length).toFixed(1)} %`
    return `${name.padEnd(50)}${String(some.length).padStart(5)}${String(agreeing).padStart(9)}${percent.padStart(9)}`
  })
  const others = all.filter((one) => !one.agrees)
  return [
    `${''.padEnd(50)} sent    agree`,
    ...table,
    '',
    `Disagreements: ${others.length}`,
    ...others.map((one) => `${describe(one)}\n     ${one.reason?.why ?? 'NO REASON KNOWN'}`),
  ].join('\n')
}

function describe({ index, request, recorded, got }: Compared): string {
  const text = (request.body ?? `${request.method} ${request.path}`).replace(/\s+/g, ' ').slice(0, 70)
  const short = (o: Outcome) =>
    o.status === undefined ? 'no answer' : `${o.status}${o.code ? `/${o.code}` : ''}`
  return `${String(index).padStart(3)}  ${text}: ${short(recorded)} recorded, ${short(got)} here`
}
