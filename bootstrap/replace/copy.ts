import { quoteName, quoteString } from '../../dialect/index.js'
import { run, type Site } from '../site.js'

/** Rows of a statement that copies. */
const CHUNK = 50_000

/** A stream whose rows go over into another one. */
export interface Copy {
  from: string
  to: string
  columns: string[]
}

/**
 * Copies the rows behind the first `after` ones, chunk by chunk, up to `end` or the last one there is when it is called. Each chunk is told
 * before the next begins; one that is copied again after an interruption is recognised by its id.
 * @returns how many rows the old stream has given out: sequence numbers begin with 0
 */
export async function copyRows(
  site: Site,
  { from, to, columns }: Copy,
  after: number,
  onChunk: (upTo: number, last: number) => Promise<void>,
  end?: number,
): Promise<number> {
  const last = end ?? (await rowsEver(site, from))
  const list = columns.map(quoteName).join(', ')
  let done = after
  while (done < last) {
    const upTo = Math.min(last, done + CHUNK)
    const id = quoteString(`copy ${from} ${to} ${done}-${upTo}`)
    await run(
      site,
      `INSERT INTO ${quoteName(to)} (${list}) SETTINGS idempotent_id = ${id} SELECT ${list} FROM table(${quoteName(from)}) ` +
        `WHERE _tp_sn >= ${done} AND _tp_sn < ${upTo} ORDER BY _tp_sn`,
    )
    done = upTo
    await onChunk(done, last)
  }
  return done
}

/** How many rows a stream has ever had: the next sequence number. Servers tell it by the rows they show. */
export async function rowsEver({ client, options, edition }: Site, stream: string): Promise<number> {
  if (edition !== 'embedded') {
    const [row] = await client.rows<{ rows: string | number; last: string | number }>(
      `SELECT count() AS rows, max(_tp_sn) AS last FROM table(${quoteName(stream)})`,
      { signal: options.signal },
    )
    return Number(row?.rows ?? 0) === 0 ? 0 : Number(row!.last) + 1
  }
  const [row] = await client.rows<{ last_sn: string | number }>(
    `SELECT last_sn FROM system.stream_metrics WHERE database = current_database() AND name = ${quoteString(stream)}`,
    { signal: options.signal },
  )
  return Number(row?.last_sn ?? 0)
}
