/**
 * Replays the requests recorded from a 1.6.1 server and compares status, exception code, kind and text of the answers.
 * `npm run transcripts` prints the figures. Skipped where the recording is absent.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ENGINE_EDITIONS, type EngineEdition } from '../../../engine/edition.js'
import { TestEngine, until } from './harness.js'
import { reasonsFor } from './transcripts/reasons.js'
import { type Compared, comparable, readTranscripts, replay, report } from './transcripts/replay.js'

const FILE = fileURLToPath(new URL('../../../../shared/proton/real-1.6.1/transcripts.jsonl', import.meta.url))
const present = existsSync(FILE)
if (!present) console.log(`transcripts skipped: ${FILE} is not there`)

/** How many of the 151 each edition has to answer alike: nine of ten where it stands in for that server. */
const BAR: Record<EngineEdition, number> = { embedded: 124, 'oss-1.6': 137 }

describe.skipIf(!present).each(ENGINE_EDITIONS)(
  'recorded requests, sent to an engine of edition %s',
  (edition) => {
    let engine: TestEngine
    let compared: Compared[] = []
    beforeAll(async () => {
      engine = await TestEngine.start({ edition })
      const { url, streamUrl } = engine.engine
      const settled = async () => {
        await until(async () => engine.engine.quiet('default') || undefined)
      }
      compared = await replay(readTranscripts(FILE), { edition, url, streamUrl, settled })
      if (process.env.npm_lifecycle_event === 'transcripts') console.log(report(compared, edition))
    }, 120_000)
    afterAll(() => engine?.close())

    it('are answered alike, or otherwise for a reason', () => {
      const unexplained = compared.filter((one) => !one.agrees && !one.reason)
      expect(
        unexplained.map((one) => ({ ...one.got, index: one.index, text: comparable(one.got.text) })),
      ).toEqual(
        unexplained.map((one) => ({
          ...one.recorded,
          index: one.index,
          text: comparable(one.recorded.text),
        })),
      )
    })

    it(`agree in ${BAR[edition]} cases at least`, () => {
      expect(compared.length).toBe(151)
      expect(compared.filter((one) => one.agrees).length).toBeGreaterThanOrEqual(BAR[edition])
    })

    it('every reason explains a disagreement', () => {
      const used = new Set(compared.filter((one) => !one.agrees).map((one) => one.reason))
      expect(
        reasonsFor(edition)
          .filter((reason) => !reason.machine && !used.has(reason))
          .map((reason) => String(reason.match)),
      ).toEqual([])
    })
  },
)
