import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openChdb } from '../../../engine/chdb/pool.js'
import type {
  Catalog,
  Chdb,
  ExternalSources,
  QueryContext,
  StreamStore,
  UdfRegistry,
} from '../../../engine/contracts.js'
import { EngineError } from '../../../engine/errors.js'
import { createPlanner } from '../../../engine/planner/index.js'
import { parse } from './support.js'

interface Recorded {
  port: number
  path: string
  body?: string
  status?: number
  response?: string
}

/** Answers recorded from a real server; kept outside the repository. */
const FILE = join(import.meta.dirname, '../../../../shared/proton/real-1.6.1/transcripts.jsonl')
const recorded: Recorded[] = existsSync(FILE)
  ? readFileSync(FILE, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Recorded)
  : []

/** SELECTs over nothing or over `t1` as it was at first; functions of users are tested with their room. */
const selects = recorded.filter(
  (r) =>
    r.port === 8123 &&
    /^select /i.test(r.body ?? '') &&
    /JSONEachRow$|TSVWithNamesAndTypes$/.test(r.path) &&
    !/\b[fg]\d\(|system\.|from (?:table\()?(?:kv|mv2|tgt|r1)/.test(r.body!) &&
    !/Syntax error/.test(r.response ?? ''),
)

let chdb: Chdb
let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'planner-'))
  chdb = await openChdb({ dir })
  await chdb.run(
    "CREATE TABLE default.t1 (i Int32, s String, d DateTime64(3), _tp_time DateTime64(3, 'UTC'), _tp_sn UInt64) ENGINE = MergeTree ORDER BY _tp_sn",
  )
  await chdb.run(
    "INSERT INTO default.t1 VALUES (1,'a',now64(3),now64(3),1),(2,'b',now64(3),now64(3),2),(3,'c',now64(3),now64(3),3)",
  )
})
afterAll(async () => {
  await chdb?.close()
  await rm(dir, { recursive: true, force: true })
})

describe.skipIf(recorded.length === 0)(
  'SELECTs that a real server answered (skipped where the recording is absent)',
  () => {
    it('are there', () => {
      expect(selects.length).toBeGreaterThan(8)
    })

    it.each(selects)('$body', async ({ body, path, status, response }) => {
      const planner = createPlanner({
        chdb,
        catalog: {
          find: () => undefined,
          require: (name: { name: string }) => {
            if (name.name !== 't1')
              throw new EngineError('UNKNOWN_STREAM', `Stream default.${name.name} doesn't exist`)
            return { kind: 'stream', name }
          },
        } as unknown as Catalog,
        store: {
          settle: async () => {},
          shown: () => ({ sql: 'default.t1', columns: ['i', 's', 'd', '_tp_time'] }),
        } as unknown as StreamStore,
        external: {} as ExternalSources,
        udfs: { lookup: () => undefined } as unknown as UdfRegistry,
        systemRelation: async () => undefined,
      })
      const params: Record<string, string> = { x: '41' }
      const context = {
        database: 'default',
        user: 'default',
        params,
        settings: {},
      } as unknown as QueryContext
      if (status !== 200) {
        const [, code, message] = /^Code: (\d+)\. DB::Exception: ([\s\S]*?)\.? \(/.exec(response!)!
        const error = await planner.plan(parse(body!), context).catch((e: unknown) => e as EngineError)
        expect(error).toMatchObject({ code: Number(code) })
        // The query is printed with other line breaks.
        expect((error as EngineError).message.replace(/\s+/g, ' ')).toBe(message!.replace(/\s+/g, ' '))
        return
      }
      const plan = await planner.plan(parse(body!), context)
      if (path.includes('TSVWithNamesAndTypes')) {
        const [names, types] = response!.split('\n')
        expect(plan.columns.map((c) => c.name).join('\t')).toBe(names)
        expect(plan.columns.map((c) => c.type).join('\t')).toBe(types!.replaceAll("\\'", "'"))
        return
      }
      const bytes = await chdb.run(plan.sql, {
        format: 'JSONEachRow',
        settings: { output_format_json_quote_64bit_integers: 1 },
      })
      // The `Z` of UTC times is the wire's, not the planner's.
      expect(Buffer.from(bytes).toString()).toBe(response!.replace(/(:\d\d\.\d{3})Z"/g, '$1"'))
    })
  },
)
