import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An address at which the embedded engine says that it is Proton 1.6, and which can be out of reach for a while. */
export interface Pretence {
  url: string
  cut(): Promise<void>
  restore(): Promise<void>
}

export async function asProton16(engine: string): Promise<Pretence> {
  const server = createServer((incoming, outgoing) => {
    const info = incoming.url === '/proton/info'
    const forwarded = request(
      new URL(incoming.url!, engine),
      { method: incoming.method, headers: incoming.headers, agent: false },
      async (answer) => {
        answer.on('error', () => outgoing.destroy())
        if (!info) {
          outgoing.writeHead(answer.statusCode!, answer.headers)
          outgoing.flushHeaders()
          answer.pipe(outgoing)
          return
        }
        const parts: Buffer[] = []
        for await (const part of answer) parts.push(part as Buffer)
        const { build, ...rest } = JSON.parse(Buffer.concat(parts).toString()) as { build: object }
        outgoing.writeHead(200, { 'content-type': 'application/json' })
        outgoing.end(JSON.stringify({ ...rest, build: { ...build, edition: 'oss' } }))
      },
    )
    forwarded.on('error', () => outgoing.destroy())
    outgoing.on('close', () => forwarded.destroy())
    incoming.pipe(forwarded)
  })
  await listen(server, 0)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async cut() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
    restore: () => listen(server, port),
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
}
