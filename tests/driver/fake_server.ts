import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Recorded {
  method: string
  url: URL
  headers: IncomingMessage['headers']
  body: string
}

export interface FakeServer {
  url: string
  port: number
  requests: Recorded[]
  close(): Promise<void>
}

/** A local HTTP server that records what it is asked and lets the test answer. */
export async function fakeServer(
  answer: (request: Recorded, response: ServerResponse, index: number) => void | Promise<void>,
): Promise<FakeServer> {
  const requests: Recorded[] = []
  const server = createServer(async (incoming, response) => {
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part as Buffer)
    const request: Recorded = {
      method: incoming.method!,
      url: new URL(incoming.url!, 'http://fake'),
      headers: incoming.headers,
      body: Buffer.concat(parts).toString('utf8'),
    }
    requests.push(request)
    await answer(request, response, requests.length - 1)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** The body of a result in the driver's row format. */
export function rowsBody(columns: [name: string, type: string][], rows: unknown[][]): string {
  const lines = [columns.map(([name]) => name), columns.map(([, type]) => type), ...rows]
  return `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`
}
