/**
 * Synthetic token lists for benchmarks and tests of size, the same for the same seed:
 *
 *     node dist/scripts/generate-tokens.js <count> [<file>] [<seed>]
 */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { encodeMint } from './tokens/mint.js'

const LINES_AT_ONCE = 1000

/** The i-th token of a seed, in the shape of the legacy list. Its mint is a digest, so no two are alike. */
export function syntheticToken(i: number, seed = 'tpctl'): Record<string, unknown> {
  const digest = createHash('sha256').update(`${seed}:${i}`).digest()
  const address = encodeMint(digest)
  return {
    address,
    chainId: 101,
    symbol: `T${i.toString(36).toUpperCase()}`,
    name: `Synthetic token ${i}`,
    decimals: digest[0]! % 10,
    logoURI: `https://example.invalid/logo/${address}.png`,
    tags: digest[1]! % 4 === 0 ? ['community'] : [],
  }
}

/** `count` tokens as NDJSON, in chunks of many lines. */
export function* syntheticList(count: number, seed = 'tpctl'): Generator<string> {
  for (let from = 0; from < count; from += LINES_AT_ONCE) {
    let text = ''
    for (let i = from; i < Math.min(count, from + LINES_AT_ONCE); i++)
      text += `${JSON.stringify(syntheticToken(i, seed))}\n`
    yield text
  }
}

/** Writes such a list to a file. */
export async function writeSyntheticList(file: string, count: number, seed?: string): Promise<void> {
  await pipeline(Readable.from(syntheticList(count, seed)), createWriteStream(file))
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [count, file, seed] = process.argv.slice(2)
  if (!count || !(Number(count) > 0)) {
    console.error('usage: generate-tokens <count> [<file>] [<seed>]')
    process.exitCode = 2
  } else if (file) await writeSyntheticList(file, Number(count), seed)
  else for (const chunk of syntheticList(Number(count), seed)) process.stdout.write(chunk)
}
