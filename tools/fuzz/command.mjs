import { parseArgs } from 'node:util'
import { Chance } from './random.mjs'

/** What counts as a hang, unless `--hang-ms` says otherwise: a busy machine is slow at everything. */
const HANG_MS = 1000

/** Runs a fuzzer with `--count N --seed S`, prints what it did, and fails where it failed. */
export async function command(name, defaultCount, fuzz) {
  const { values } = parseArgs({
    options: { count: { type: 'string' }, seed: { type: 'string' }, 'hang-ms': { type: 'string' } },
  })
  const count = Number(values.count ?? defaultCount)
  const seed = Number(values.seed ?? Date.now() % 1_000_000_007)
  console.log(`fuzz:${name}: ${count} inputs, seed ${seed}`)
  const started = performance.now()
  process.on('unhandledRejection', (cause) => {
    console.error(`fuzz:${name}: unhandled rejection`, cause)
    process.exit(1)
  })
  try {
    const figures = await fuzz({
      count,
      chance: new Chance(seed),
      hangMs: Number(values['hang-ms'] ?? HANG_MS),
    })
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(`fuzz:${name}: ${JSON.stringify({ ...figures, seconds: Number(seconds) })}`)
  } catch (cause) {
    console.error(`fuzz:${name}: failed, seed ${seed}:`, cause)
    process.exitCode = 1
  }
}
