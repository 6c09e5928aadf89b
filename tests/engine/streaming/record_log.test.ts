import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { RecordLog } from '../../../engine/streaming/record_log.js'

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'record-log-'))
  file = join(dir, 'batches.log')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** What a process finds that opens the file while another still has it, or was killed. */
function found(): Record<number, string | undefined> {
  const log = new RecordLog(file)
  const all = Object.fromEntries(log.ids().map((id) => [id, log.get(id)]))
  log.close()
  return all
}

it('keeps the latest text of each number, whatever becomes of the process', () => {
  const log = new RecordLog(file)
  log.set(1, '{"a":1}')
  log.set(2, '{"b":"ü\\n"}')
  log.set(1, '{"a":2}')
  log.set(3, '{}')
  log.delete(3)
  log.delete(4)
  expect(found()).toEqual({ 1: '{"a":2}', 2: '{"b":"ü\\n"}' })
})

it('a line that was not finished never counted', () => {
  const log = new RecordLog(file)
  log.set(1, '{"a":{"b":1}}')
  log.close()
  for (const torn of ['1 {"a":{"b":2}', '1']) {
    const whole = readFileSync(file)
    appendFileSync(file, torn)
    expect(found()).toEqual({ 1: '{"a":{"b":1}}' })
    expect(readFileSync(file)).toEqual(whole)
  }
})

it('does not grow with the number of changes', () => {
  const log = new RecordLog(file)
  const text = JSON.stringify({ filler: 'x'.repeat(20_000) })
  for (let i = 0; i < 1_000; i++) log.set(i % 3, text)
  expect(statSync(file).size).toBeLessThan(5 * 1024 * 1024)
  expect(Object.keys(found())).toEqual(['0', '1', '2'])
  const again = new RecordLog(file)
  again.set(7, '{}')
  again.close()
  expect(found()[7]).toBe('{}')
})
