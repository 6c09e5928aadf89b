/**
 * npm run bench [-- --only <name>] [--scale <factor>] [--json]: each line beside the same work done by hand, both
 * measured in this run, on this machine. Ratios travel between machines; the figures do not.
 */
import { parseArgs } from 'node:util'
import { renderTable } from '../cli/table.js'
import { feedTokensCase } from './cases/feed_tokens.js'
import { flagship } from './cases/flagship.js'
import { gateway } from './cases/gateway.js'
import { insert } from './cases/insert.js'
import { latency } from './cases/latency.js'
import { udf } from './cases/udf.js'
import { type BenchCase, type Measurement, withTempDir } from './harness.js'

const CASES: BenchCase[] = [insert, feedTokensCase, flagship, latency, udf, gateway]

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    scale: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})
const scale = Number(values.scale)
const chosen = values.only === undefined ? CASES : CASES.filter(({ name }) => values.only!.includes(name))
if (chosen.length === 0 || !(scale > 0)) {
  process.stderr.write(
    `usage: npm run bench -- [--only ${CASES.map(({ name }) => name).join('|')}] [--scale 0.1] [--json]\n`,
  )
  process.exit(2)
}

const results: Measurement[] = []
for (const bench of chosen) {
  process.stderr.write(`${bench.name} …\n`)
  results.push(...(await withTempDir((dir) => bench.run({ dir, scale }))))
}
if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`)
else {
  const number = (value: number) => value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
  const right = (title: string) => ({ title, align: 'right' as const })
  process.stdout.write(
    `${renderTable(
      [
        { title: 'what' },
        { title: 'unit' },
        right('tpctl'),
        right('by hand'),
        right('tpctl / by hand'),
        { title: 'by hand is', maxWidth: 100 },
      ],
      results.map((m) => [
        m.what,
        m.unit,
        number(m.engine),
        number(m.byHand),
        `${number(m.engine / m.byHand)} ×`,
        m.baseline,
      ]),
    )}\n`,
  )
}
