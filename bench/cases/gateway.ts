import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { loadDefinitions } from '../../bootstrap/functions.js'
import { packageRoot } from '../../cli/package_root.js'
import { syntheticToken } from '../../scripts/index.js'
import { memoryCache, startGateway } from '../../udfs/runtime/gateway/index.js'
import type { RemoteFunction } from '../../udfs/runtime/index.js'
import { type BenchCase, seconds } from '../harness.js'

const BLOCK = 1_000

/** Blocks of known addresses, against a plain Node server that answers the same shape. */
export const gateway: BenchCase = {
  name: 'gateway',
  async run({ scale }) {
    const calls = Math.max(10, Math.round(300 * scale))
    const addresses = Array.from({ length: BLOCK }, (_, i) => String(syntheticToken(i).address))
    const body = JSON.stringify({ address: addresses })
    const definitions = await loadDefinitions(join(packageRoot(), 'udfs', 'index.ts'))
    const remotes = definitions.filter(
      (definition): definition is RemoteFunction => definition.kind === 'remote',
    )
    const served = await startGateway({
      port: 0,
      remotes,
      provider: 'recorded',
      rate: 1_000_000,
      burst: BLOCK,
      cache: memoryCache(),
    })
    const url = `${served.url}/${remotes[0]!.name}`
    const answer = await call(url, body)
    const engine = await seconds(() => repeat(calls, () => call(url, body)))
    await served.close()

    const plain = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk) => {
        text += chunk
      })
      request.on('end', () => {
        const { address } = JSON.parse(text) as { address: string[] }
        response.end(JSON.stringify({ result: address.map((_, i) => answer[i]) }))
      })
    })
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
    const plainUrl = `http://127.0.0.1:${(plain.address() as AddressInfo).port}`
    const hand = await seconds(() => repeat(calls, () => call(plainUrl, body)))
    plain.close()
    return [
      {
        what: `gateway, ${BLOCK} known addresses a call`,
        unit: 'rows/s',
        engine: (calls * BLOCK) / engine,
        byHand: (calls * BLOCK) / hand,
        baseline: 'plain Node: parse, look up in an array, answer',
        moreIsBetter: true,
      },
    ]
  },
}

async function call(url: string, body: string): Promise<string[]> {
  const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  if (!answer.ok) throw new Error(await answer.text())
  return ((await answer.json()) as { result: string[] }).result
}

async function repeat(times: number, body: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < times; i++) await body()
}
