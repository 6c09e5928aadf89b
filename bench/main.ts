/**
 * npm run bench [-- --only <name>] [--scale <factor>] [--json] [--write]: each line beside the same work done by hand,
 * both measured in this run, on this machine. Ratios travel between machines; the figures do not. `--write` puts the
 * table into docs/bench.md.
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packageRoot } from '../cli/package_root.js'
import { renderTable } from '../cli/table.js'
import { chain } from './cases/chain.js'
import { feedTokensCase } from './cases/feed_tokens.js'
import { flagship } from './cases/flagship.js'
import { gateway } from './cases/gateway.js'
import { idle } from './cases/idle.js'
import { insert } from './cases/insert.js'
import { latency } from './cases/latency.js'
import { stored } from './cases/stored.js'
import { udf } from './cases/udf.js'
import { views } from './cases/views.js'
import { type BenchCase, keepsLimit, type Measurement, withTempDir } from './harness.js'

const CASES: BenchCase[] = [
  insert,
  feedTokensCase,
  ...views,
  udf,
  chain,
  flagship,
  latency,
  stored,
  idle,
  gateway,
]

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    scale: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})
const scale = Number(values.scale)
const chosen = values.only === undefined ? CASES : CASES.filter(({ name }) => values.only!.includes(name))
if (chosen.length === 0 || !(scale > 0)) {
  process.stderr.write(
    `usage: npm run bench -- [--only ${CASES.map(({ name }) => name).join('|')}] [--scale 0.1] [--json] [--write]\n`,
  )
  process.exit(2)
}

const results: Measurement[] = []
for (const bench of chosen) {
  process.stderr.write(`${bench.name} …\n`)
  results.push(...(await withTempDir((dir) => bench.run({ dir, scale }))))
}

const number = (value: number) => value.toLocaleString('en-US', { maximumSignificantDigits: 3 })

function limitText(measurement: Measurement): string {
  const { limit, moreIsBetter } = measurement
  if (!limit) return ''
  const bound = `${moreIsBetter ? '≥' : '≤'} ${limit.bound}${limit.of === 'ratio' ? ' ×' : ''}`
  return keepsLimit(measurement) ? bound : `${bound} MISSED`
}

const COLUMNS = ['what', 'unit', 'tpctl', 'by hand', 'tpctl / by hand', 'limit', 'by hand is']
const rows = results.map((m) => [
  m.what,
  m.unit,
  number(m.engine),
  number(m.byHand),
  `${number(m.engine / m.byHand)} ×`,
  limitText(m),
  m.baseline,
])
if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`)
else {
  const shape = (title: string, i: number) => ({
    title,
    ...(i >= 2 && i <= 4 ? { align: 'right' as const } : {}),
    ...(i === COLUMNS.length - 1 ? { maxWidth: 100 } : {}),
  })
  process.stdout.write(`${renderTable(COLUMNS.map(shape), rows)}\n`)
}
if (values.write) writeFigures()

function writeFigures(): void {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  const text = [
    '# Benchmarks',
    '',
    'Written by `npm run bench -- --write`: each figure of tpctl beside the same work done by hand, by somebody who knows chDB, in',
    'the same run on the same machine. Ratios travel between machines; the figures do not. `bench/by_hand*.ts` is what',
    '"by hand" means.',
    '',
    `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}${scale === 1 ? '' : `, work of ${scale} × the usual size`}; load average ${loadavg()[0]!.toFixed(0)}: other work on the machine slows down both sides, and times with a fixed limit most.`,
    '',
    line(COLUMNS),
    line(COLUMNS.map((_, i) => (i >= 2 && i <= 4 ? '---:' : '---'))),
    ...rows.map(line),
    '',
  ].join('\n')
  writeFileSync(join(packageRoot(), 'docs/bench.md'), text)
}
