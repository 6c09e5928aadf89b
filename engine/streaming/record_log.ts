import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'

/** A log that holds more than this and mostly what is superseded is written anew, in bytes. */
const WORTH_REWRITING = 4 * 1024 * 1024

/**
 * The latest text per number, in a file of one line per change: a write is one system call of some microseconds, and
 * survives the process (as with everything in the store, not a loss of power within seconds of it).
 */
export class RecordLog {
  readonly #texts: Map<number, string>
  #descriptor: number
  #size = 0
  /** The last line is not whole. */
  #torn = false
  #live = 0

  constructor(readonly file: string) {
    this.#texts = existsSync(file) ? readLog(file) : new Map()
    this.#descriptor = this.#rewrite()
  }

  get(id: number): string | undefined {
    return this.#texts.get(id)
  }

  ids(): number[] {
    return [...this.#texts.keys()]
  }

  /** `text` is JSON in a single line. */
  set(id: number, text: string): void {
    this.#append(`${id} ${text}\n`)
    this.#live += text.length - (this.#texts.get(id)?.length ?? 0)
    this.#texts.set(id, text)
  }

  delete(id: number): void {
    const text = this.#texts.get(id)
    if (text === undefined) return
    this.#append(`${id}\n`)
    this.#live -= text.length
    this.#texts.delete(id)
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #append(line: string): void {
    if (this.#size > WORTH_REWRITING && this.#size > 4 * this.#live) {
      closeSync(this.#descriptor)
      this.#descriptor = this.#rewrite()
    }
    // What a full disk cut off is ended, so that nothing is taken for its rest.
    const bytes = Buffer.from(this.#torn ? `\n${line}` : line)
    this.#torn = true
    const written = writeSync(this.#descriptor, bytes)
    this.#size += written
    if (written < bytes.length)
      throw new Error(`${this.file} could not be written to its end: is the disk full?`)
    this.#torn = false
  }

  /** Leaves the latest texts only, all of them or the file as it was. */
  #rewrite(): number {
    const lines = [...this.#texts].map(([id, text]) => `${id} ${text}\n`).join('')
    const fresh = `${this.file}.new`
    writeFileSync(fresh, lines)
    renameSync(fresh, this.file)
    this.#size = Buffer.byteLength(lines)
    this.#live = this.#size
    this.#torn = false
    return openSync(this.file, 'a')
  }
}

/** A line that is not whole was being written when the process ended or the disk was full: it never counted. */
function readLog(file: string): Map<number, string> {
  const texts = new Map<number, string>()
  for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const [, id, text] = /^(\d+)(?: (.*))?$/.exec(line) ?? []
    if (id === undefined) continue
    if (text === undefined) texts.delete(Number(id))
    else if (isJson(text)) texts.set(Number(id), text)
  }
  return texts
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
