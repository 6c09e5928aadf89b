import type { Output } from './encode.js'

/** Bytes on their way out, in a buffer that grows. */
export class GrowingOutput implements Output {
  buffer: Buffer<ArrayBuffer>
  view: DataView
  offset = 0

  /** `size`: of the buffer at first, in bytes. */
  constructor(size: number) {
    this.buffer = Buffer.alloc(size)
    this.view = viewOf(this.buffer)
  }

  grow(needed: number): void {
    const larger = Buffer.alloc(Math.max(this.buffer.length * 2, this.offset + needed))
    this.buffer.copy(larger, 0, 0, this.offset)
    this.buffer = larger
    this.view = viewOf(larger)
  }
}

export function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}
