import { rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Command } from 'commander'
import { applyPlan } from '../../bootstrap/apply.js'
import { compile } from '../../bootstrap/compile.js'
import { readLive } from '../../bootstrap/live.js'
import { planDeployment } from '../../bootstrap/plan.js'
import { ensureTopics } from '../../bootstrap/topics.js'
import type { ProtonClient } from '../../driver/index.js'
import { action, type Context } from '../context.js'
import { type DemoPipeline, feedLists, feedScans, readCounts } from '../demo/pipeline.js'
import { ANY_PORTS, bringUp, killNow, takeDown } from '../embedded/lifecycle.js'
import type { Output } from '../output.js'
import { packageRoot } from '../package_root.js'
import { openProject } from '../target.js'

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('the whole flagship on recorded data: engine, deployment, feeds, signals')
    .option('--keep', 'leave the engine running afterwards, to look around')
    .action(
      action<{ keep?: boolean }, []>(async (given, options) => {
        const context: Context = {
          ...given,
          projectDir: packageRoot(),
          stateDir: join(given.stateDir, 'demo'),
          target: 'embedded',
        }
        const started = performance.now()
        const leaveNothing = () => killNow(context.stateDir)
        if (!options.keep) process.once('exit', leaveNothing)
        try {
          await runDemo(context, started)
        } finally {
          if (!options.keep) await takeDown(context.stateDir)
          process.off('exit', leaveNothing)
        }
        whatNext(context, options.keep ?? false)
      }),
    )
}

async function runDemo(context: Context, started: number): Promise<void> {
  const { output, signal, stateDir } = context
  const step = (text: string) =>
    output.line(`${output.color('green', '✓')} ${text} ${output.color('dim', elapsed(started))}`)
  await takeDown(stateDir)
  await rm(stateDir, { recursive: true, force: true })
  const { engine } = await bringUp({ projectDir: context.projectDir, stateDir, ports: ANY_PORTS })
  step(`embedded engine and UDF gateway are up, Kafka protocol on ${engine.brokers}`)

  const { project, client } = await openProject(context)
  try {
    const deployment = compile(project)
    await ensureTopics(project.target, deployment.topics)
    const live = await readLive(client, deployment.objects, signal)
    const plan = planDeployment(deployment, live)
    const bar = output.progress('deploying', plan.operations.length)
    try {
      await applyPlan(plan, client, { signal }, (event) => {
        if (event.type === 'done') bar.update(event.index)
      })
    } finally {
      bar.stop()
    }
    step(`flagship deployed: ${plan.operations.length} objects`)

    const demo: DemoPipeline = {
      client,
      brokers: project.target.brokers,
      topic: deployment.topics[0]!.name,
      fixtures: join(packageRoot(), 'tests', 'fixtures'),
      signal,
    }
    await feedLists(demo, (list, written) => step(`${list} list fed: ${written} tokens`))
    const written = await feedScans(demo)
    step(`recorded scans replayed: ${written} messages through the pipeline`)

    const counts = await readCounts(demo)
    await showResults(output, client)
    output.result({ ...counts, seconds: Number(((performance.now() - started) / 1000).toFixed(1)) })
  } finally {
    await client.close()
  }
}

async function showResults(output: Output, client: ProtonClient): Promise<void> {
  if (output.json) return
  const classes = await client.rows<Record<string, unknown>>(
    `SELECT c.jup_token_type AS class, c.messages AS messages, c.tokens AS tokens, s.signals AS signals
     FROM (SELECT jup_token_type, count() AS messages, unique_exact(address) AS tokens
           FROM trending_categorized GROUP BY jup_token_type) AS c
     LEFT JOIN (SELECT jup_token_type, count() AS signals FROM trending_signals GROUP BY jup_token_type) AS s
       ON c.jup_token_type = s.jup_token_type
     ORDER BY messages DESC`,
  )
  output.line()
  output.line(output.color('bold', 'Trending messages by class of their token'))
  output.table(
    [
      { title: 'class' },
      ...['messages', 'tokens', 'signals'].map((title) => ({ title, align: 'right' as const })),
    ],
    classes.map((row) => [row.class, row.messages, row.tokens, row.signals]),
  )

  const signals = await client.rows<Record<string, unknown>>(
    `SELECT ts, rank, symbol, jup_token_type, price_usd, volume_5m_usd, liquidity_usd, price_change_5m_pct, risk_score, risk_level
     FROM trending_signals ORDER BY ts DESC, rank LIMIT 15`,
  )
  output.line()
  output.line(output.color('bold', 'Newest signals: trending, listed, not banned, liquid, low risk'))
  output.table(
    [
      { title: 'scan (UTC)' },
      { title: 'rank', align: 'right' },
      { title: 'symbol', maxWidth: 14 },
      { title: 'class' },
      { title: 'price $', align: 'right' },
      { title: '5 m volume $', align: 'right' },
      { title: 'liquidity $', align: 'right' },
      { title: '5 m %', align: 'right' },
      { title: 'risk', align: 'right' },
      { title: 'level' },
    ],
    signals.map((row) => [
      String(row.ts).slice(0, 16),
      row.rank,
      row.symbol,
      row.jup_token_type,
      amount(row.price_usd, 6),
      amount(row.volume_5m_usd),
      amount(row.liquidity_usd),
      amount(row.price_change_5m_pct, 1),
      amount(row.risk_score),
      row.risk_level,
    ]),
  )
  output.line()
  output.line(
    output.color(
      'dim',
      'Recorded scans and lists share hardly a token, so the demo mixes listed tokens into each scan',
    ),
  )
  output.line(
    output.color(
      'dim',
      "by a fixed rule (source 'demo-mix', tests/fixtures/NOTICE.md); security data is generated",
    ),
  )
  output.line(
    output.color('dim', 'from the address ("provider": "recorded") as long as BIRDEYE_API_KEY is not set.'),
  )
}

function amount(value: unknown, digits = 0): string {
  return value === null || value === undefined
    ? '–'
    : Number(value).toLocaleString('en-US', {
        maximumSignificantDigits: digits > 3 ? digits : undefined,
        maximumFractionDigits: digits > 3 ? undefined : digits,
      })
}

function whatNext({ output, stateDir }: Context, kept: boolean): void {
  output.line()
  output.line(output.color('bold', 'Next'))
  if (kept) {
    const state = relative(process.cwd(), stateDir)
    output.line(
      `  npx tpctl sql --state ${state}       look around: \\dt, SELECT * FROM token_classes LIMIT 5;`,
    )
    output.line(`  npx tpctl status --state ${state}    the pipeline as a graph`)
    output.line(`  npx tpctl down --state ${state}`)
  } else {
    output.line('  npx tpctl demo --keep     the same, and the engine stays up')
    output.line('  npx tpctl bootstrap       start your own: engine and deployment in .tpctl/')
    output.line('  npx tpctl feed-trending --file tests/fixtures/trending/demo_mix_5m.jsonl')
    output.line('  npx tpctl sql             and ask: SELECT * FROM table(trending_signals);')
  }
}

function elapsed(started: number): string {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`
}
