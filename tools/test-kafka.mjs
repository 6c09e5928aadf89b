// `npm run test:kafka [-- options of vitest]`: the tests that go through tests/kafka/, which otherwise run
// against the engine's own broker, against Apache Kafka. Where Java or Maven is absent this says so and ends.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetchJars, startKafka, whatIsMissing } from './kafka/apache.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

function kafkaTests() {
  return readdirSync(join(root, 'tests'), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join('tests', name))
    .filter((name) => /from '.*\/kafka\/(secured_)?broker\.js'/.test(readFileSync(join(root, name), 'utf8')))
}

async function run(env) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  // One file after the other: they share the broker, and each begins with an empty one.
  const args = [vitest, 'run', '--no-file-parallelism', ...kafkaTests(), ...process.argv.slice(2)]
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
}

// Ctrl-C ends the tests and Kafka, which are in this process's group; what is left to do is below.
process.once('SIGINT', () => {})

const missing = whatIsMissing()
if (missing !== undefined) {
  console.log(`test:kafka skipped: ${missing}`)
} else {
  const dir = mkdtempSync(join(tmpdir(), 'tpctl-kafka-'))
  const started = Date.now()
  const kafka = await startKafka(fetchJars(), dir)
  console.log(
    `Apache Kafka listens on ${kafka.brokers} after ${((Date.now() - started) / 1000).toFixed(1)} s`,
  )
  try {
    const secured = kafka.secured ? { KAFKA_SECURED_BROKERS: JSON.stringify(kafka.secured) } : {}
    process.exitCode = await run({ KAFKA_BROKERS: kafka.brokers, ...secured })
  } finally {
    await kafka.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}
