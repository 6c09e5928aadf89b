import { AppendFile } from '../append_file.js'

/** A log that holds more than this and mostly what is superseded is written anew, in bytes. */
const WORTH_REWRITING = 4 * 1024 * 1024

/** The latest text per number, in a file of one line per change. */
export class RecordLog {
  readonly #texts: Map<number, string>
  readonly #file: AppendFile
  #live = 0

  constructor(file: string) {
    this.#file = new AppendFile(file, () => Buffer.from([...this.#texts].map(lineOf).join('')))
    this.#texts = readLog(this.#file.read().toString('utf8'))
    this.#rewrite()
  }

  get(id: number): string | undefined {
    return this.#texts.get(id)
  }

  ids(): number[] {
    return [...this.#texts.keys()]
  }

  /** `text` is JSON in a single line. */
  set(id: number, text: string): void {
    this.#append(lineOf([id, text]))
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
    this.#file.close()
  }

  #append(line: string): void {
    if (this.#file.size > WORTH_REWRITING && this.#file.size > 4 * this.#live) this.#rewrite()
    this.#file.append(Buffer.from(line))
  }

  #rewrite(): void {
    this.#file.rewrite()
    this.#live = this.#file.size
  }
}

function lineOf([id, text]: [number, string]): string {
  return `${id} ${text}\n`
}

/** A line that is not whole was being written when the process ended: it never counted. */
function readLog(log: string): Map<number, string> {
  const texts = new Map<number, string>()
  for (const line of log.split('\n').slice(0, -1)) {
    const [, id, text] = /^(\d+)(?: (.*))?$/.exec(line) ?? []
    if (id === undefined) continue
    if (text === undefined) texts.delete(Number(id))
    else texts.set(Number(id), text)
  }
  return texts
}
