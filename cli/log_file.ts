import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Read backwards in pieces of this size. */
const PIECE = 64 * 1024
const POLL_MS = 200

/** The last lines of a file, and where it ended; no lines where there is no file. */
export function lastLines(file: string, count: number): { lines?: string[]; end: number } {
  let handle: number
  try {
    handle = openSync(file, 'r')
  } catch {
    return { end: 0 }
  }
  try {
    const end = fstatSync(handle).size
    let from = end
    let bytes = Buffer.alloc(0)
    while (from > 0 && newlines(bytes) <= count) {
      const size = Math.min(PIECE, from)
      from -= size
      const piece = Buffer.alloc(size)
      readSync(handle, piece, 0, size, from)
      bytes = Buffer.concat([piece, bytes])
    }
    const lines = bytes.toString('utf8').split('\n')
    if (lines.at(-1) === '') lines.pop()
    return { lines: count === 0 ? [] : lines.slice(-count), end }
  } finally {
    closeSync(handle)
  }
}

/** Gives each line that is added after `from`, until the signal fires. A file that became shorter is read anew. */
export async function follow(
  file: string,
  from: number,
  signal: AbortSignal,
  take: (line: string) => Promise<void>,
): Promise<void> {
  let position = from
  let rest = Buffer.alloc(0)
  while (!signal.aborted) {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
    if (size < position) position = 0
    if (size > position) {
      rest = Buffer.concat([rest, readFrom(file, position, size - position)])
      position = size
      for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
        await take(rest.subarray(0, at).toString('utf8'))
        rest = rest.subarray(at + 1)
      }
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {})
  }
}

function readFrom(file: string, position: number, length: number): Buffer {
  const handle = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(length)
    return bytes.subarray(0, readSync(handle, bytes, 0, length, position))
  } finally {
    closeSync(handle)
  }
}

function newlines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++
  return count
}
