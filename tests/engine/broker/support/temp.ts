import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { type Broker, type BrokerOptions, startBroker } from '../../../../engine/broker/index.js'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Runs `cleanup` after the test, the last one registered first. */
export function atEnd(cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'broker-test-'))
  atEnd(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A broker on a free port, closed after the test. */
export async function testBroker(options: Partial<BrokerOptions> = {}): Promise<Broker> {
  const broker = await startBroker({ dir: options.dir ?? tempDir(), port: 0, ...options })
  atEnd(() => broker.close())
  return broker
}

/** Asks again and again until `check` holds. */
export async function until(check: () => boolean | Promise<boolean>, what: string, timeoutMs = 20_000) {
  const deadline = Date.now() + timeoutMs
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
