import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BenchCase, byHand, seconds, withEngine } from '../harness.js'

const BATCH_ROWS = 10_000

/** Rows over HTTP into an append stream, against the same bytes straight into a table. */
export const insert: BenchCase = {
  name: 'insert',
  async run({ dir, scale }) {
    const batches = Math.max(1, Math.round(40 * scale))
    const rows = Array.from({ length: BATCH_ROWS }, (_, i) =>
      JSON.stringify({ i, s: `row number ${i}`, v: i / 7 }),
    )
    const batch = join(dir, 'batch.ndjson')
    const body = `${rows.join('\n')}\n`
    await writeFile(batch, body)
    const engine = await withEngine(dir, async ({ client, engine: { url } }) => {
      await client.exec('CREATE STREAM bench (i int32, s string, v float64)')
      return seconds(async () => {
        for (let i = 0; i < batches; i++) {
          const query = encodeURIComponent('INSERT INTO bench (i, s, v) FORMAT JSONEachRow')
          const answer = await fetch(`${url}/?query=${query}`, { method: 'POST', body })
          if (!answer.ok) throw new Error(await answer.text())
        }
      })
    })
    const hand = await byHand<{ seconds: number }>('insert', { dir: join(dir, 'hand'), batch, batches })
    const total = batches * BATCH_ROWS
    return [
      {
        what: `INSERT, ${BATCH_ROWS} rows a request`,
        unit: 'rows/s',
        engine: total / engine,
        byHand: total / hand.seconds,
        baseline: 'chDB: the same batches into a MergeTree',
        moreIsBetter: true,
      },
    ]
  },
}
