import { expect, it } from 'vitest'
import { ManualClock } from '../../engine/clock.js'

it('a manual clock stands still, and calls what is due when it is moved, the earliest first', () => {
  const clock = new ManualClock(1_000)
  const called: string[] = []
  clock.after(20, () => called.push('b'))
  clock.after(10, () => called.push('a'))
  const cancel = clock.after(15, () => called.push('never'))
  cancel()
  expect(clock.now()).toBe(1_000)
  clock.advance(9)
  expect(called).toEqual([])
  clock.advance(11)
  expect(called).toEqual(['a', 'b'])
  clock.advance(100)
  expect(called).toEqual(['a', 'b'])
  expect(clock.now()).toBe(1_120)
})

it('what is due may ask to be called again', () => {
  const clock = new ManualClock(0)
  let calls = 0
  const again = () => {
    if (++calls < 3) clock.after(10, again)
  }
  clock.after(10, again)
  for (let i = 0; i < 3; i++) clock.advance(10)
  expect(calls).toBe(3)
})
