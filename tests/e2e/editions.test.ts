import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startBroker } from '../../engine/broker/index.js'
import { type ServerEdition, standIn } from '../bootstrap/stand_in.js'
import { TestEngine } from '../engine/server/harness.js'
import { fakeTarget } from '../scripts/fake_target.js'
import { ROOT, run, temporaryFolder } from './support.js'

const EXAMPLE = join(ROOT, 'examples/every-kind')
const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('a server over HTTP', () => {
  it.concurrent.each<ServerEdition>(['oss-1.6', 'oss-3', 'enterprise'])(
    'of edition %s gets one object of every kind: planned, applied, and nothing left to do',
    async (edition) => {
      const server = await standIn(edition)
      const broker = await startBroker({ dir: temporaryFolder(), port: 0 })
      const state = temporaryFolder()
      const env = {
        TPCTL_URL: server.url,
        TPCTL_STREAM_URL: server.url,
        TPCTL_BROKERS: broker.brokers,
        SHOP_READER_PASSWORD: 'never-told',
      }
      const tpctl = (...args: string[]) =>
        run(['--project', EXAMPLE, '--state', state, '--target', edition, ...args], { env })
      const file = join(state, 'plan.json')
      expect(await tpctl('plan', '--detailed-exitcode', '--out', file)).toMatchObject({ code: 3, stderr: '' })
      const applied = await tpctl('apply', file)
      expect(applied, applied.stderr).toMatchObject({ code: 0 })
      const again = await tpctl('plan', '--detailed-exitcode')
      expect(again, again.stdout + again.stderr).toMatchObject({ code: 0 })
      expect(server.engine.executed.length).toBeGreaterThan(20)
      expect(readFileSync(file, 'utf8') + applied.stdout + applied.stderr).not.toContain('never-told')
      await server.close()
      await broker.close()
    },
  )
})

it('an embedded engine that stands in for Proton 1.6 gets them, too', async () => {
  const engine = await TestEngine.start({ edition: 'oss-1.6' })
  const { url, streamUrl, brokers } = engine.engine
  const env = { TPCTL_URL: url, TPCTL_STREAM_URL: streamUrl, TPCTL_BROKERS: brokers }
  const login = { TPCTL_USERNAME: 'proton', TPCTL_PASSWORD: 'proton@t+' }
  const tpctl = (...args: string[]) =>
    run(['--project', EXAMPLE, '--state', temporaryFolder(), '--target', 'oss-1.6', ...args], {
      env: { ...env, ...login },
    })
  const applied = await tpctl('bootstrap')
  expect(applied, applied.stderr).toMatchObject({ code: 0 })
  const again = await tpctl('plan', '--detailed-exitcode')
  expect(again, again.stdout + again.stderr).toMatchObject({ code: 0 })
  await engine.close()
})

it('a server that the config takes for another edition is left alone', async () => {
  const server = await standIn('oss-3')
  const { code, stderr } = await run(['--target', 'oss-1.6', '--state', temporaryFolder(), 'plan'], {
    env: { TPCTL_URL: server.url, TPCTL_STREAM_URL: server.url },
  })
  await server.close()
  expect(code).toBe(1)
  expect(stderr).toMatch(/EDITION_MISMATCH.*oss-3 \(version 3\.0\.3\)[\s\S]*edition: 'oss-3'/)
  expect(server.engine.executed).toEqual([])
})

it('feeders and the console log in as who they are on a server', async () => {
  const target = await fakeTarget(['token_banned_raw'])
  const { requests, url } = target.server
  const seen = async (args: string[], passwords: Record<string, string>) => {
    requests.length = 0
    const env = { TPCTL_URL: url, TPCTL_STREAM_URL: url, TIMEPLUS_PASSWORD: 'all', ...passwords }
    const result = await run(['--target', 'enterprise', '--state', temporaryFolder(), ...args], { env })
    expect(result, result.stderr).toMatchObject({ code: 0 })
    return [...new Set(requests.map(({ headers }) => headers.authorization))]
  }
  const feed = ['feed-tokens', '--list', 'banned', '--file', join(ROOT, 'tests/fixtures/tokens/banned.csv')]
  const own = { TPCTL_FEEDER_PASSWORD: 'feed', TPCTL_READER_PASSWORD: 'read' }
  expect(await seen(feed, own)).toEqual([basic('jupiter_feeder', 'feed')])
  expect(await seen(['sql', '-e', 'SELECT address FROM table(token_banned_raw)'], own)).toEqual([
    basic('jupiter_reader', 'read'),
  ])
  expect(await seen(feed, {})).toEqual([basic('proton', 'all')])
  await target.close()
})
