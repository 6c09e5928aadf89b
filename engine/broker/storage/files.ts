import { closeSync, fsyncSync, openSync, readSync, renameSync, writeFileSync, writeSync } from 'node:fs'

/** Replaces a small file in one step: a reader, or a crash, sees the old content or the new. */
export function replaceFile(path: string, content: string): void {
  const draft = `${path}.tmp`
  writeFileSync(draft, content)
  const fd = openSync(draft, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(draft, path)
}

/** Writes all of `data` at `position`; a short write goes on where it stopped. */
export function writeFully(fd: number, data: Buffer, position: number): void {
  let done = 0
  while (done < data.length) done += writeSync(fd, data, done, data.length - done, position + done)
}

/** Reads up to `length` bytes at `position`; shorter only at the end of the file. */
export function readFully(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length)
  let done = 0
  while (done < length) {
    const got = readSync(fd, buffer, done, length - done, position + done)
    if (got === 0) break
    done += got
  }
  return buffer.subarray(0, done)
}
