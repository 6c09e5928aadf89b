/** Sends what a 1.6.1 server was asked to an engine, and tells where the answers differ. */
import { readFileSync } from 'node:fs'
import type { EngineEdition } from '../../../../engine/edition.js'
import { LATER, type Reason, reasonsFor } from './reasons.js'

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

/** When an answer has shown all that it is compared by. */
type Until =
  /** When it is over. */
  | 'end'
  /** When as much has come as was recorded, and then nothing more for a while. */
  | 'recorded'
  /** When it is over, or has begun and then gives nothing for a while. */
  | 'silence'

/** How long nothing has to come until nothing more is expected. */
const SILENCE_MS = 250
/** Behind this an engine is not slow but stuck. */
const DEADLINE_MS = 60_000

export function readTranscripts(file: string): Transcript[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Transcript)
}

/** What is replayed against: an engine of one edition. */
export interface Replayed {
  edition: EngineEdition
  url: string
  streamUrl: string
  /** Resolves when all views have worked through what came in. */
  settled(): Promise<void>
}

export async function replay(transcripts: Transcript[], engine: Replayed): Promise<Compared[]> {
  const found: Compared[] = []
  const reason = (t: Transcript) => reasonOf(t, engine.edition)
  const send = async (request: Transcript, onBegin?: () => void) => {
    await engine.settled()
    const index = transcripts.indexOf(request)
    const recorded = recordedOutcome(request)
    const got = await ask(request, engine, onBegin)
    found.push({ index, request, recorded, got, agrees: same(recorded, got), reason: reason(request) })
  }
  const inOrder = transcripts.filter((t) => !reason(t)?.last)
  let victims: Promise<void> | undefined
  for (const request of inOrder) {
    // The recording shows a query that others see running behind those that saw it.
    if (isKilled(request)) continue
    const victim = inOrder.find((t) => isKilled(t) && sees(request, t))
    if (victim && !victims) {
      await new Promise<void>((begun) => {
        victims = send(victim, begun).finally(begun)
      })
    }
    await send(request)
  }
  await victims
  for (const request of transcripts) if (reason(request)?.last) await send(request)
  return found.sort((a, b) => a.index - b.index)
}

const queryId = (t: Transcript) => /[?&]query_id=([^&]+)/.exec(t.path)?.[1]
const isKilled = (t: Transcript) => queryId(t) !== undefined
const sees = (t: Transcript, victim: Transcript) => t.body?.includes(`'${queryId(victim)}'`) === true

function reasonOf(t: Transcript, edition: EngineEdition): Reason | undefined {
  return reasonsFor(edition).find(({ match }) => match.test(t.body ?? '') || match.test(t.path))
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

function untilWhen(t: Transcript): Until {
  if (isKilled(t)) return 'end'
  if (t.status === undefined) return 'silence'
  return t.cut === undefined ? 'end' : 'recorded'
}

async function ask(t: Transcript, engine: Replayed, onBegin?: () => void): Promise<Outcome> {
  const outcome: Outcome = {
    status: undefined,
    code: undefined,
    contentType: undefined,
    format: undefined,
    text: '',
    open: false,
  }
  const until = untilWhen(t)
  const giveUp = new AbortController()
  let timer = setTimeout(() => giveUp.abort(), DEADLINE_MS)
  /** How long the answer is has been told: it ends. */
  let ends = until === 'end'
  const waitForMore = () => {
    const complete = outcome.text.length >= (t.response ?? '').length
    if (ends || (until === 'recorded' && !complete)) return
    clearTimeout(timer)
    timer = setTimeout(() => giveUp.abort(), SILENCE_MS)
  }
  try {
    const response = await fetch((t.port === 8123 ? engine.url : engine.streamUrl) + t.path, {
      method: t.method,
      ...(t.body ? { body: t.body } : {}),
      headers: t.headers,
      signal: giveUp.signal,
    })
    outcome.status = response.status
    outcome.code = response.headers.get('x-timeplus-exception-code') ?? undefined
    outcome.contentType = response.headers.get('content-type') ?? undefined
    outcome.format = response.headers.get('x-timeplus-format') ?? undefined
    ends ||= response.headers.has('content-length')
    onBegin?.()
    waitForMore()
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      outcome.text += decoder.decode(chunk, { stream: true })
      waitForMore()
    }
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

/** Ids and times differ from run to run; the list of what a parser expected is its own. */
export function comparable(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>')
    .replace(/"commit_sha":"[0-9a-f]*"/, '"commit_sha":""')
    .replace(/"time":"\d{4}-[^"]*"/, '"time":""')
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
function comparables(all: Compared[]): Compared[] {
  return all.filter((one) => isAnswered(one) && one.reason?.why !== LATER)
}

/** The figures as a table, and every disagreement with its reason. */
export function report(all: Compared[], edition: EngineEdition): string {
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
    `${`engine of edition ${edition}`.padEnd(50)} sent    agree`,
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
