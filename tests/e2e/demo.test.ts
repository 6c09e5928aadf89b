import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { expectedOfDemo } from './fixtures.js'
import { eventually, isAlive, onState, ROOT, start, temporaryFolder } from './support.js'

describe('tpctl demo', () => {
  const own = onState(ROOT)
  afterAll(own.down)

  it('comes to the numbers that the fixtures hold, twice in a row, also beside an engine that is up', async () => {
    const expected = await expectedOfDemo()
    expect(Object.keys(expected.classes).sort()).toEqual(['all', 'banned', 'strict', 'unknown'])
    await own.up()

    const first = await own.tpctl(['demo', '--json'])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    const { classes, ...numbers } = expected
    const printed = JSON.parse(first.stdout) as Record<string, unknown>
    expect(printed).toEqual({ ...numbers, seconds: expect.any(Number) })
    expect(printed.seconds).toBeLessThan(90)

    const second = await own.tpctl(['demo'])
    expect(second.code).toBe(0)
    for (const [name, messages] of Object.entries(classes)) {
      expect(second.stdout).toMatch(new RegExp(`^${name} +${messages} `, 'm'))
    }
    expect(second.stdout).toContain(`${numbers.trending} messages through the pipeline`)
    expect(second.stdout).toContain('"provider": "recorded"')
    expect(second.stdout).toMatch(/Next\n +npx tpctl /)
    // Plain text where nobody looks at a terminal.
    expect(second.stdout).not.toContain('\u001b')

    // The engine of the state folder itself has seen nothing of all this.
    expect(await own.rows('SHOW STREAMS')).toEqual([])
  })

  it('leaves no process behind when Ctrl-C ends it', async () => {
    const state = temporaryFolder()
    const demo = start(['--project', ROOT, '--state', state, 'demo'])
    const engine = onState(ROOT, join(state, 'demo'))
    await eventually(
      async () => engine.pids().length,
      (running) => running === 2,
    )
    const pids = engine.pids()
    demo.kill('SIGINT')
    const { exitCode, stderr } = await demo
    expect(exitCode).toBe(1)
    expect(stderr).toContain('[INTERRUPTED] Stopped by Ctrl-C.')
    expect(pids.filter(isAlive)).toEqual([])
  })
})
