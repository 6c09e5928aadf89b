import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { EngineError } from './errors.js'

/**
 * A file that only grows at its end, until it is written anew. A write is one system call of some microseconds and survives
 * the process; as everything in the store it may not survive a loss of power within seconds.
 */
export class AppendFile {
  /** Bytes that the file has. */
  size = 0
  #descriptor: number | undefined
  /** The last record is not whole. */
  #torn = false

  /** `live`: what of the file still counts, as records. */
  constructor(
    readonly file: string,
    readonly live: () => Buffer,
  ) {}

  /** What an earlier process left; its last record may not be whole. */
  read(): Buffer {
    return existsSync(this.file) ? readFileSync(this.file) : Buffer.alloc(0)
  }

  /** Throws NOT_ENOUGH_SPACE: then the record does not count. */
  append(record: Buffer): void {
    if (this.#torn || this.#descriptor === undefined) this.rewrite()
    this.#torn = true
    const written = this.#onDisk(() => writeSync(this.#descriptor!, record))
    this.size += written
    if (written < record.length) throw this.#full(`${written} of ${record.length} bytes were written`)
    this.#torn = false
  }

  /** Leaves what counts, all of it or the file as it was. */
  rewrite(): void {
    const live = this.live()
    const fresh = `${this.file}.new`
    this.#onDisk(() => writeFileSync(fresh, live))
    this.close()
    renameSync(fresh, this.file)
    this.#descriptor = openSync(this.file, 'a')
    this.size = live.length
    this.#torn = false
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #onDisk<T>(body: () => T): T {
    try {
      return body()
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      throw code === 'ENOSPC' || code === 'EDQUOT' ? this.#full(message) : cause
    }
  }

  #full(why: string): EngineError {
    return EngineError.withCode(243, 'NOT_ENOUGH_SPACE', `Cannot write to ${this.file}: ${why}`)
  }
}
