import { afterEach, expect, it } from 'vitest'
import { Child } from './child.js'

/** Time from the first rows to the kill, in ms: over several batches of every view. */
const KILLS = [60, 210, 350, 140, 500, 280]

let child: Child
afterEach(() => child.remove())

it('views process every row exactly once though their process is killed again and again', async () => {
  child = await Child.of('kill_child.ts')
  for (const delay of KILLS) await child.run('feed', delay)
  const result = JSON.parse(await child.run('check')) as Record<string, unknown> & { source: number }
  const count = String(result.source)
  const all = [count, count, count]
  expect(result).toMatchObject({ plain: all, chained: all, joined: all, enriched: all, nameless: ['0'] })
  // Of each of the 50 keys the last value is in force, once.
  const sum = String(Array.from({ length: 50 }, (_, i) => result.source - i).reduce((a, b) => a + b, 0))
  expect(result.pairs).toEqual(['50', sum, '1', '1', '9'])
  expect(result.totals).toEqual(['1', sum, '1', '1', '50'])
  // The last row's own window is still open.
  expect(result.windows).toEqual([String(result.source - 1)])
  expect(result.source).toBeGreaterThan(KILLS.length)
}, 120_000)

it('subscriptions lose no row and count none twice though their process is killed again and again', async () => {
  child = await Child.of('subscription_child.ts')
  const received: Record<string, unknown[][]> = { plain: [], tumble: [], total: [], join: [] }
  const read = (out: string) => {
    for (const line of out.split('\n').filter((text) => text.startsWith('{'))) {
      const { id, rows } = JSON.parse(line) as { id: string; rows: unknown[][] }
      received[id]!.push(...rows)
    }
  }
  for (const delay of KILLS.slice(0, 3)) read(await child.run('feed', delay))
  const out = await child.run('check')
  read(out)
  const count = Number(/source (\d+)/.exec(out)![1])
  const distinct = (id: string) => new Set(received[id]!.map((row) => JSON.stringify(row)))
  expect(distinct('plain')).toEqual(new Set(Array.from({ length: count }, (_, i) => JSON.stringify([i + 1]))))
  expect(distinct('join')).toEqual(
    new Set(Array.from({ length: count }, (_, i) => JSON.stringify([i + 1, i + 1]))),
  )
  // A window that was sent twice was sent with the same count. The last row's own window is still open.
  const windows = [...distinct('tumble')].map((row) => JSON.parse(row) as [string, string])
  expect(new Set(windows.map(([start]) => start)).size).toBe(windows.length)
  expect(windows.reduce((sum, [, n]) => sum + Number(n), 0)).toBe(count - 1)
  expect(received.total!.at(-1)).toEqual([String(count), String((count * (count + 1)) / 2)])
  expect(count).toBeGreaterThan(KILLS.length)
}, 120_000)
