import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Deployment } from '../../bootstrap/model.js'
import type { Output } from '../../cli/output.js'
import { lockRunner, outsideFolders } from '../../cli/outside/folders.js'
import { readOutside } from '../../cli/status/outside.js'
import { age, showLook } from '../../cli/status/show.js'
import { renderTable } from '../../cli/table.js'
import { type AlertState, Checkpoint, type TaskState } from '../../scripts/index.js'

const NOW = Date.parse('2026-01-01T00:10:00Z')

function captured(): { output: Output; text(): string } {
  const lines: string[] = []
  const output = {
    json: false,
    color: (_: unknown, text: string) => text,
    line: (text = '') => lines.push(text),
    table: (columns: never, rows: never) => lines.push(renderTable(columns, rows)),
  } as unknown as Output
  return { output, text: () => lines.join('\n') }
}

describe('a look at a pipeline', () => {
  it('shows what each view has still to read, what it keeps, and when it was last safe', () => {
    const { output, text } = captured()
    const view = {
      ...{ name: 'mv', state: 'running', target: 'b', lag: 7, rowsIn: 1_000, rowsOut: 900 },
      ...{ stateBytes: 2_048, lastCheckpoint: '2026-01-01T00:09:57Z', lastError: '' },
    }
    const stream = { rowsPerSecond: 2.5, bytes: 1_024, rejected: 0 }
    showLook(
      output,
      {
        target: 't',
        leftovers: ['big is paused, to be handed over.'],
        streams: [
          { name: 'a', kind: 'external_stream', rows: 0, ...stream, rejected: 3 },
          { name: 'b', kind: 'stream', rows: 900, ...stream },
        ],
        views: [
          view,
          { ...view, name: 'other', state: 'retrying', lastCheckpoint: '', lastError: 'no broker' },
        ],
        outside: [
          {
            ...{ name: 'hourly', kind: 'task', command: 'run-tasks', running: true },
            ...{ done: 1_200, failed: 2, last: '2026-01-01T00:04:00Z', lastError: 'no such stream' },
          },
        ],
        pipes: [
          { view: 'mv', sources: ['a'], target: 'b' },
          { view: 'other', sources: ['a'], target: 'b' },
        ],
      },
      NOW,
    )
    const lines = text().split('\n')
    expect(lines[0]).toBe('big is paused, to be handed over.')
    expect(lines.find((line) => /^a /.test(line))?.split(/\s+/)).toEqual(['a', '–', '–', '–', '3'])
    expect(lines.find((line) => /^mv /.test(line))).toMatch(/running +7 +1,000 +900 +2 +3 s ago/)
    expect(text()).toContain('other: no broker')
    expect(text()).toMatch(/hourly +run-tasks +running +1,200 +2 +6 m ago +no such stream/)
    expect(text()).toMatch(/a ── mv ─+▶ b +lag 7/)
    expect(text()).toMatch(/a ── other ─+▶ b +retrying/)
  })

  it('tells ages as people do', () => {
    expect(
      [
        '',
        '2026-01-01T00:10:00Z',
        '2026-01-01T00:04:00Z',
        '2025-12-31T20:00:00Z',
        '2025-12-25T00:00:00Z',
      ].map((at) => age(at, NOW)),
    ).toEqual(['–', '0 s ago', '6 m ago', '4 h ago', '7 d ago'])
  })
})

it('reads what runners wrote down of what runs outside', async () => {
  const state = mkdtempSync(join(tmpdir(), 'tpctl-status-'))
  const outside = [
    { kind: 'task', name: 'hourly' },
    { kind: 'task', name: 'never' },
    { kind: 'alert', name: 'big' },
  ] as Deployment['outside']
  const folders = outsideFolders(state, 'old')
  const lastRun = { scheduledAt: NOW, startedAt: NOW, tookMs: 5, rows: 7, error: 'gone' }
  await Checkpoint.of<TaskState>(folders.task, 'hourly').write({ last: NOW, runs: 4, failures: 1, lastRun })
  const alert = { ...ALERT, delivered: 3, deadLettered: 2, lastDeliveredAt: NOW, lastError: 'refused' }
  await Checkpoint.of<AlertState>(folders.alert, 'big').write(alert)
  const lock = lockRunner(folders.task, 'old', 'run-tasks')
  const at = new Date(NOW).toISOString()
  const task = { kind: 'task', command: 'run-tasks', running: true }
  expect(await readOutside({ outside } as Deployment, state, 'old')).toEqual([
    { ...task, name: 'hourly', done: 4, failed: 1, last: at, lastError: 'gone' },
    { ...task, name: 'never', done: 0, failed: 0, last: '', lastError: '' },
    {
      ...{ kind: 'alert', command: 'run-alerts', running: false, name: 'big' },
      ...{ done: 3, failed: 2, last: at, lastError: 'refused' },
    },
  ])
  lock.release()
  rmSync(state, { recursive: true })
})

const ALERT = { stream: '', query: '', position: { sn: 4, taken: 1 }, calls: [], suppressed: 0 }
