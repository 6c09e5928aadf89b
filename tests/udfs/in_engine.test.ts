import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseStatement } from '../../dialect/index.js'
import { scalarCallText } from '../../engine/udf/index.js'
import udfs, { tokenRiskScore } from '../../udfs/index.js'
import { recordedProvider } from '../../udfs/providers/recorded.js'
import { type Gateway, startGateway } from '../../udfs/runtime/gateway/index.js'
import {
  callScalar,
  type RemoteFunction,
  renderFunction,
  type UdfDefinition,
} from '../../udfs/runtime/index.js'
import { functionObject, type Harness, openHarness } from '../engine/udf/harness.js'
import { second, several } from './fixtures/functions.js'

const MINT = 'So11111111111111111111111111111111111111112'
const AUTH = { header: 'x-udf-key', key: 'secret of the test' }

let h: Harness
let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    port: 0,
    remotes: udfs.filter((definition): definition is RemoteFunction => definition.kind === 'remote'),
    environment: {},
    auth: AUTH,
  })
  h = await openHarness()
  for (const definition of [...udfs, several, second]) await create(definition)
})
afterAll(async () => {
  await h.close()
  await gateway.close()
})

/** What the engine does with the statement that the kit renders. */
async function create(definition: UdfDefinition): Promise<void> {
  const sql = await renderFunction(definition, 'embedded', { gatewayUrl: gateway.url, authKey: AUTH.key })
  const statement = parseStatement(sql)
  if (statement.kind !== 'create_function') throw new Error(`parsed as ${statement.kind}`)
  await h.registry.define(functionObject(statement.name.name, statement.aggregate, statement.body))
}

function call(name: string, ...args: string[]): string {
  const target = h.registry.lookup(name)
  if (target?.kind === 'scalar') return scalarCallText(target, args)
  if (target?.kind === 'aggregate') return `${target.finalName}(groupArray(tuple(${args.join(', ')})))`
  throw new Error(`no function ${name}`)
}

describe('the flagship’s functions in the engine', () => {
  it('score what the gateway answers, as they do in Node', async () => {
    const security = await recordedProvider().lookup(MINT, AbortSignal.timeout(1000))
    const [expected] = callScalar(tokenRiskScore, [{ security_json: security }])
    const asked = call('birdeye_token_security', `'${MINT}'`)
    const rows = await h.rows(`SELECT s, ${call('token_risk_score', 's')} FROM (SELECT ${asked} AS s)`)
    expect(rows).toEqual([[security, expected]])
  })

  it('go on with what is no address', async () => {
    const asked = call('birdeye_token_security', 'a')
    const rows = await h.rows(
      `SELECT JSONExtractString(${call('token_risk_score', asked)}, 'level') FROM (SELECT arrayJoin(['', 'not an address']) AS a)`,
    )
    expect(rows).toEqual([['unknown'], ['unknown']])
  })

  it('count consecutive scans per token', async () => {
    const rows = await h.rows(
      `SELECT k, ${call('consecutive_appearances', 't')} FROM (
         SELECT number % 2 AS k, toDateTime64(1777557000 + if(k = 0, number, number * 2) * 300, 3, 'UTC') AS t FROM numbers(10)
       ) GROUP BY k ORDER BY k`,
    )
    // Even numbers are scans 0, 2, 4 …; odd ones are doubled: gaps either way, so the latest run is one scan.
    expect(rows).toEqual([
      [0, 1],
      [1, 1],
    ])
    const run = await h.rows(
      `SELECT ${call('consecutive_appearances', "toDateTime64(1777557000 + number * 300, 3, 'UTC')")} FROM numbers(7)`,
    )
    expect(run).toEqual([[7]])
  })

  it('of other shapes work too', async () => {
    const rows = await h.rows(
      `SELECT ${call('several', '21', "toDateTime64('2026-01-02 03:04:05', 3, 'UTC')", "['b', 'a']")}`,
    )
    expect(rows).toEqual([[{ doubled: '42', day: '2026-01-02', tags: ['a', 'b'] }]])
    expect(await h.rows(`SELECT ${call('second_largest', 'toFloat64(number)')} FROM numbers(100)`)).toEqual([
      [98],
    ])
  })
})
