import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../../dialect/user_error.js'
import type { ProtonClient } from '../../driver/index.js'
import { feedTokens, feedTrending, type TokenList } from '../../scripts/index.js'

/** The recorded data that the demo feeds, in the order in which it does. Origin: tests/fixtures/NOTICE.md. */
export const DEMO_LISTS: { list: TokenList; file: string }[] = [
  { list: 'strict', file: 'tokens/strict.csv' },
  { list: 'all', file: 'tokens/all.jsonl' },
  { list: 'banned', file: 'tokens/banned.csv' },
]
export const DEMO_SCANS = 'trending/demo_mix_5m.jsonl'

export interface DemoCounts {
  tokens: { strict: number; all: number; banned: number }
  /** Messages in the topic. */
  trending: number
  categorized: number
  enriched: number
  signals: number
}

export interface DemoPipeline {
  client: ProtonClient
  brokers: string
  topic: string
  /** Folder of the fixtures. */
  fixtures: string
  signal: AbortSignal
}

/** Feeds the three lists and waits until they have arrived where the trending feed is joined with them. */
export async function feedLists(
  demo: DemoPipeline,
  onFed: (list: TokenList, written: number) => void,
): Promise<void> {
  let expected = 0
  for (const { list, file } of DEMO_LISTS) {
    const summary = await feedTokens({
      client: demo.client,
      list,
      source: 'file',
      file: join(demo.fixtures, file),
      signal: demo.signal,
    })
    // A feeder that is interrupted ends in order, with what it has; for the demo that is no result.
    demo.signal.throwIfAborted()
    expected += summary.valid
    onFed(list, summary.written)
  }
  await waitFor(demo, 'the token lists to arrive in jupiter_tokens', async () => {
    return (await count(demo.client, 'jupiter_tokens')) >= expected
  })
}

/** Replays the recorded scans through the Kafka protocol and waits until every view has processed them. */
export async function feedScans(demo: DemoPipeline): Promise<number> {
  const summary = await feedTrending({
    source: 'replay',
    file: join(demo.fixtures, DEMO_SCANS),
    speed: 'max',
    topic: demo.topic,
    brokers: demo.brokers.split(','),
    signal: demo.signal,
  })
  demo.signal.throwIfAborted()
  await waitFor(demo, 'the scans to pass through the pipeline', async () => {
    const { client } = demo
    if ((await count(client, 'trending_categorized')) < summary.written) return false
    const ranked = await value(client, 'SELECT count() AS value FROM trending_categorized WHERE rank < 20')
    if ((await count(client, 'trending_enriched')) < ranked) return false
    return (await count(client, 'trending_signals')) >= (await count(client, 'trending_screened'))
  })
  return summary.written
}

export async function readCounts({ client }: DemoPipeline): Promise<DemoCounts> {
  return {
    tokens: {
      strict: await count(client, 'token_strict_raw'),
      all: await count(client, 'token_all_raw'),
      banned: await count(client, 'token_banned_raw'),
    },
    trending: await count(client, 'trending'),
    categorized: await count(client, 'trending_categorized'),
    enriched: await count(client, 'trending_enriched'),
    signals: await count(client, 'trending_signals'),
  }
}

const DEADLINE_MS = 75_000
const POLL_MS = 50

async function waitFor(demo: DemoPipeline, what: string, isDone: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  while (!(await isDone())) {
    demo.signal.throwIfAborted()
    if (performance.now() > deadline) {
      throw new UserError('DEMO_STALLED', `Waited ${DEADLINE_MS / 1000} s for ${what}.`, {
        suggestion: 'Look at the views: npx tpctl status --state .tpctl/demo, after npx tpctl demo --keep',
      })
    }
    await sleep(POLL_MS)
  }
}

function count(client: ProtonClient, name: string): Promise<number> {
  return value(client, `SELECT count() AS value FROM ${name}`)
}

async function value(client: ProtonClient, sql: string): Promise<number> {
  const [row] = await client.rows<{ value: string | number }>(sql)
  return Number(row?.value ?? 0)
}
