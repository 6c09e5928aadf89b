import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from './files.js'

const FILE = 'producer-ids'
const BLOCK = 1000

/** Hands out ids for idempotent producers, none of them twice: a block is reserved on disk before its first use. */
export class ProducerIds {
  readonly #path: string
  #next: number
  #reserved: number

  constructor(dir: string) {
    this.#path = join(dir, FILE)
    this.#next = this.#read()
    this.#reserved = this.#next
  }

  #read(): number {
    let text: string
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch {
      return 0
    }
    const stored = Number(text)
    if (!Number.isSafeInteger(stored)) throw new Error(`${this.#path} holds no number`)
    return stored
  }

  next(): number {
    if (this.#next >= this.#reserved) {
      replaceFile(this.#path, String(this.#reserved + BLOCK))
      this.#reserved += BLOCK
    }
    return this.#next++
  }
}
