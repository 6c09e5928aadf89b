import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** An address in front of a server that can be out of reach for a while. */
export interface Gate {
  url: string
  /** Nobody comes in, and who was inside is cut off. */
  shut(): Promise<void>
  open(): Promise<void>
}

export async function gateTo(url: string): Promise<Gate> {
  const { hostname, port: behind } = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer((outer) => {
    const inner = connect(Number(behind), hostname)
    for (const socket of [outer, inner]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        outer.destroy()
        inner.destroy()
      })
    }
    outer.pipe(inner).pipe(outer)
  })
  await listen(server, 0)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async shut() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
    open: () => listen(server, port),
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
}
