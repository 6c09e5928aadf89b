import { createReadStream } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Value } from '../../driver/index.js'

const LINES_AT_ONCE = 1_000
/** JSON may have them as they are; readers of lines would end a line there. */
const SEPARATORS = /[\u2028\u2029]/g
const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16)}`

/**
 * Rows on their way from a query into a stream. A query that is asked again may answer otherwise; what lies here
 * does not change, so that an insert that broke off is repeated with the same rows in the same batches.
 */
export class Spool {
  constructor(readonly path: string) {}

  /** Writes all rows, and resolves with their number once they are on the disk. */
  async fill(rows: AsyncIterable<readonly unknown[]>): Promise<number> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 })
    const file = await open(this.path, 'w', 0o600)
    let count = 0
    try {
      let lines: string[] = []
      const flush = async () => {
        await file.writeFile(lines.join(''))
        lines = []
      }
      for await (const row of rows) {
        lines.push(`${JSON.stringify(row).replace(SEPARATORS, escaped)}\n`)
        count++
        if (lines.length >= LINES_AT_ONCE) await flush()
      }
      await flush()
      await file.sync()
    } finally {
      await file.close()
    }
    return count
  }

  async *rows(): AsyncGenerator<readonly Value[]> {
    const lines = createInterface({ input: createReadStream(this.path), crlfDelay: Number.POSITIVE_INFINITY })
    for await (const line of lines) yield JSON.parse(line) as readonly Value[]
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true })
  }
}
