import { ProtonClient } from '../../driver/index.js'
import { type FakeServer, fakeServer, rowsBody } from '../driver/fake_server.js'

type Row = Record<string, unknown>

export interface FakeTarget {
  client: ProtonClient
  server: FakeServer
  /** Current rows of a stream, by address. */
  rows(stream: string): Map<string, Row>
  /** Rows that were inserted, over all batches. */
  inserted: Row[]
  /** The next so many inserts are answered by closing the connection. */
  breakInserts(count: number): void
  close(): Promise<void>
}

const TYPES: Record<string, string> = {
  decimals: 'uint8',
  tags: 'array(string)',
  listed: 'bool',
  banned: 'bool',
}

/** As much of an engine as the token feeder asks of one: keyed streams that take batches and show their rows. */
export async function fakeTarget(streams: string[]): Promise<FakeTarget> {
  const data = new Map(streams.map((name) => [name, new Map<string, Row>()]))
  const inserted: Row[] = []
  let breaking = 0
  const server = await fakeServer((request, response) => {
    const sql = request.url.searchParams.get('query') ?? request.body
    const insert = /^INSERT INTO (\w+) \(([^)]*)\) FORMAT JSONEachRow$/.exec(sql)
    const select = /^SELECT (.+) FROM table\((\w+)\)$/.exec(sql)
    const name = insert?.[1] ?? select?.[2] ?? ''
    const stream = data.get(name)
    if (!stream) {
      response.writeHead(404, { 'x-timeplus-exception-code': '60' })
      response.end(
        `Code: 60. DB::Exception: Stream default.${name} doesn't exist. (UNKNOWN_STREAM) (version 1.6.1)`,
      )
      return
    }
    if (select) {
      const columns = select[1]!.split(', ')
      const rows = [...stream.values()].map((row) => columns.map((column) => row[column]))
      response.end(
        rowsBody(
          columns.map((column) => [column, TYPES[column] ?? 'string']),
          rows,
        ),
      )
      return
    }
    const rows = request.body
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Row)
    for (const row of rows) {
      inserted.push(row)
      stream.set(String(row.address), row)
    }
    if (breaking > 0) {
      breaking--
      response.destroy()
    } else response.end()
  })
  const client = new ProtonClient({ url: server.url, retries: 2 })
  return {
    client,
    server,
    inserted,
    rows: (stream) => data.get(stream)!,
    breakInserts: (count) => {
      breaking = count
    },
    close: async () => {
      await client.close()
      await server.close()
    },
  }
}
