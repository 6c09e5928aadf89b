import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { atRank, Turns } from '../../../engine/chdb/turns.js'

/** Takes a place at a rank, notes it, and gives it back when told to. */
function visitor(turns: Turns<string>, log: string[]) {
  return (name: string, rank: number) => {
    let leave!: () => void
    const left = new Promise<void>((resolve) => {
      leave = resolve
    })
    const visit = atRank(rank, () =>
      turns.run(async (place) => {
        log.push(`${name}@${place}`)
        await left
      }),
    )
    return { leave, visit }
  }
}

it('gives a place to the highest rank, and to the first of several', async () => {
  const log: string[] = []
  const enter = visitor(new Turns(['a']), log)
  const visits = [
    enter('one', 0),
    enter('low', 0),
    enter('high', 2),
    enter('middle', 1),
    enter('high too', 2),
  ]
  for (const name of ['one', 'high', 'high too', 'middle', 'low']) {
    await sleep(1)
    expect(log.at(-1)).toBe(`${name}@a`)
    visits[['one', 'low', 'high', 'middle', 'high too'].indexOf(name)]!.leave()
  }
  await Promise.all(visits.map(({ visit }) => visit))
})

it('gives as many places as there are, and takes them back from those that fail', async () => {
  const turns = new Turns(['a', 'b'])
  const failing = [1, 2, 3].map(() =>
    turns.run(async () => {
      throw new Error('broken')
    }),
  )
  expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(Array(3).fill('rejected'))
  let inside = 0
  let most = 0
  await Promise.all(
    [1, 2, 3, 4, 5].map(() =>
      turns.run(async () => {
        most = Math.max(most, ++inside)
        await sleep(1)
        inside--
      }),
    ),
  )
  expect(most).toBe(2)
})

it('lets nobody wait for ever behind higher ranks', async () => {
  const turns = new Turns(['a'])
  let over = false
  const busy = (async () => {
    while (!over) await atRank(5, () => turns.run(() => sleep(5)))
  })()
  const busyToo = (async () => {
    while (!over) await atRank(5, () => turns.run(() => sleep(5)))
  })()
  await turns.run(async () => {
    over = true
  })
  await Promise.all([busy, busyToo])
})
