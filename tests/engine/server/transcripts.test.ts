/**
 * Replays the requests recorded from a 1.6.1 server and compares status, exception code, kind and text of the answers.
 * `npm run transcripts` prints the figures. Skipped where the recording is absent.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine } from './harness.js'
import { REASONS } from './transcripts/reasons.js'
import {
  type Compared,
  comparable,
  comparables,
  readTranscripts,
  replay,
  report,
} from './transcripts/replay.js'

const FILE = fileURLToPath(new URL('../../../../shared/proton/real-1.6.1/transcripts.jsonl', import.meta.url))
const present = existsSync(FILE)
if (!present) console.log(`transcripts skipped: ${FILE} is not there`)

describe.skipIf(!present)('recorded requests', () => {
  let engine: TestEngine
  let compared: Compared[] = []
  beforeAll(async () => {
    engine = await TestEngine.start()
    compared = await replay(readTranscripts(FILE), engine.engine)
    if (process.env.npm_lifecycle_event === 'transcripts') console.log(report(compared))
  })
  afterAll(() => engine?.close())

  it('are answered alike, or otherwise for a reason', () => {
    const unexplained = compared.filter((one) => !one.agrees && !one.reason)
    expect(
      unexplained.map((one) => ({ ...one.got, index: one.index, text: comparable(one.got.text) })),
    ).toEqual(
      unexplained.map((one) => ({ ...one.recorded, index: one.index, text: comparable(one.recorded.text) })),
    )
  })

  it('agree in nine of ten of what 1.6.1 knows too', () => {
    const both = comparables(compared)
    expect(both.length).toBeGreaterThan(100)
    expect(both.filter((one) => one.agrees).length / both.length).toBeGreaterThanOrEqual(0.9)
  })

  it('every reason explains a disagreement', () => {
    const used = new Set(compared.filter((one) => !one.agrees).map((one) => one.reason))
    expect(
      REASONS.filter((reason) => !reason.timing && !used.has(reason)).map((reason) => String(reason.match)),
    ).toEqual([])
  })
})
