import { readSync, writeSync } from 'node:fs'
import type { Input } from './decode.js'
import { GrowingOutput, viewOf } from './growing.js'

const STDIN = 0
const STDOUT = 1
const START_BYTES = 1 << 16

/**
 * stdin and stdout as growing buffers. Both are used synchronously: a child does one block at a time, and
 * the store feeds and reads it from different threads.
 */
export class BlockInput implements Input {
  buffer = Buffer.alloc(START_BYTES)
  view = viewOf(this.buffer)
  offset = 0
  end = 0

  fill(needed: number): void {
    while (this.end - this.offset < needed) {
      if (this.buffer.length - this.offset < needed) this.#makeRoom(needed)
      else if (this.end === this.buffer.length) this.#makeRoom(this.end - this.offset + 1)
      const read = readSome(this.buffer, this.end)
      if (read === 0) throw new EndOfInput()
      this.end += read
    }
  }

  /** The number of rows of the next block, or undefined when the store hung up between blocks. */
  nextBlock(): number | undefined {
    this.buffer.copyWithin(0, this.offset, this.end)
    this.end -= this.offset
    this.offset = 0
    for (;;) {
      const newline = this.buffer.subarray(0, this.end).indexOf(10)
      if (newline >= 0) {
        this.offset = newline + 1
        return Number(this.buffer.toString('latin1', 0, newline))
      }
      try {
        this.fill(this.end + 1)
      } catch (error) {
        if (error instanceof EndOfInput) return undefined
        throw error
      }
    }
  }

  #makeRoom(needed: number): void {
    const larger = Buffer.alloc(Math.max(this.buffer.length * 2, this.offset + needed))
    this.buffer.copy(larger, 0, 0, this.end)
    this.buffer = larger
    this.view = viewOf(larger)
  }
}

export class BlockOutput extends GrowingOutput {
  constructor() {
    super(START_BYTES)
  }

  flush(): void {
    let written = 0
    while (written < this.offset) {
      try {
        written += writeSync(STDOUT, this.buffer, written, this.offset - written)
      } catch (error) {
        if (!isAgain(error)) throw error
        pause()
      }
    }
    this.offset = 0
  }
}

export class EndOfInput extends Error {}

function readSome(buffer: Buffer, at: number): number {
  for (;;) {
    try {
      return readSync(STDIN, buffer, at, buffer.length - at, null)
    } catch (error) {
      if (!isAgain(error)) throw error
      pause()
    }
  }
}

function isAgain(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EAGAIN'
}

/** A pipe that the other side made non-blocking: ask again in a millisecond. */
function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
}
