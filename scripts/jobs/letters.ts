import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeadLetter, LetterFilter, LetterSummary } from '../dead_letters.js'
import { writeDurably } from './checkpoint.js'

/** Events that an alert's function did not take, however often it was called. */
export interface AlertLetter {
  /** ISO 8601. */
  time: string
  alert: string
  stream: string
  /** Sequence number of the first event. */
  sn: number
  error: string
  /** Names of the function's arguments. */
  columns: string[]
  events: unknown[][]
}

/** Letters as files, one each: a runner adds them while somebody else takes others away. */
export class LetterFolder {
  constructor(readonly path: string) {}

  async add(letter: AlertLetter, nth: number): Promise<void> {
    const file = `${encodeURIComponent(letter.alert)}.${String(letter.sn).padStart(20, '0')}.${nth}.json`
    await writeDurably(join(this.path, file), `${JSON.stringify(letter)}\n`)
  }

  /** Oldest events of each alert first. */
  async list(filter: LetterFilter = {}): Promise<{ file: string; letter: AlertLetter }[]> {
    const files = await readdir(this.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    const found: { file: string; letter: AlertLetter }[] = []
    for (const file of files.filter((name) => name.endsWith('.json')).sort()) {
      const text = await readFile(join(this.path, file), 'utf8').catch(() => undefined)
      // Somebody took it away meanwhile.
      if (text === undefined) continue
      const letter = JSON.parse(text) as AlertLetter
      if (matches(letter, filter)) found.push({ file, letter })
    }
    return found
  }

  async remove(file: string): Promise<void> {
    await rm(join(this.path, file), { force: true })
  }
}

function matches(
  { alert, stream, sn }: AlertLetter,
  { source, topic, partition, offset }: LetterFilter,
): boolean {
  return (
    (source === undefined || source === alert) &&
    (topic === undefined || topic === stream) &&
    (partition === undefined || partition === 0) &&
    (offset === undefined || offset === sn)
  )
}

/** The events of a letter as rows by the names of their columns. */
export function rowsOf({ columns, events }: AlertLetter): Record<string, unknown>[] {
  return events.map((values) => Object.fromEntries(columns.map((name, at) => [name, values[at]])))
}

/** The same letter as `system.dead_letters` would have it: an alert is the source, its stream the topic. */
export function asDeadLetter(letter: AlertLetter): DeadLetter {
  const { time, alert, stream, sn, error } = letter
  return {
    time,
    source: alert,
    topic: stream,
    partition: 0,
    offset: sn,
    error,
    raw: JSON.stringify(rowsOf(letter)),
  }
}

export function summarized(letters: readonly AlertLetter[]): LetterSummary[] {
  const bySource = new Map<string, AlertLetter[]>()
  for (const letter of letters) {
    const key = `${letter.alert} ${letter.stream}`
    bySource.set(key, [...(bySource.get(key) ?? []), letter])
  }
  return [...bySource.values()].map((own) => {
    const byTime = [...own].sort((a, b) => (a.time < b.time ? -1 : 1))
    const last = byTime.at(-1)!
    return {
      source: last.alert,
      topic: last.stream,
      letters: own.length,
      first: byTime[0]!.time,
      last: last.time,
      lastError: last.error,
    }
  })
}
