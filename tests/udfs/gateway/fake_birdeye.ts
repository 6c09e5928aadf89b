import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Seen {
  address: string
  at: number
  headers: Record<string, unknown>
}

/** A local server in BirdEye's place that keeps a record of what it was asked. */
export class FakeBirdeye {
  readonly seen: Seen[] = []
  /** Behaviours of the next requests, in order; then `normal`. */
  readonly script: ((response: ServerResponse) => void)[] = []
  normal: (response: ServerResponse, address: string) => void = (response, address) =>
    json(response, 200, security(address))
  #server: Server | undefined

  async start(): Promise<this> {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url!, 'http://localhost')
      const address = url.searchParams.get('address') ?? ''
      if (url.pathname !== '/defi/token_security') return void json(response, 404, { success: false })
      this.seen.push({ address, at: performance.now(), headers: request.headers })
      const scripted = this.script.shift()
      if (scripted) scripted(response)
      else this.normal(response, address)
    })
    await new Promise<void>((resolve) => this.#server!.listen(0, '127.0.0.1', resolve))
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server!.address() as AddressInfo).port}`
  }

  requestsFor(address: string): number {
    return this.seen.filter((one) => one.address === address).length
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections()
    await new Promise<void>((resolve) => (this.#server ? this.#server.close(() => resolve()) : resolve()))
  }
}

export function json(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

export function security(address: string): object {
  return {
    success: true,
    data: {
      ownerAddress: null,
      top10HolderPercent: 0.2,
      mutableMetadata: false,
      creatorAddress: `creator of ${address}`,
    },
  }
}

export const misbehaviours = {
  tooMany: (response: ServerResponse) =>
    json(response, 429, { success: false, message: 'Too many requests' }, { 'retry-after': '0' }),
  broken: (response: ServerResponse) => json(response, 500, { success: false, message: 'Internal' }),
  html: (response: ServerResponse) =>
    void response
      .writeHead(200, { 'content-type': 'text/html' })
      .end('<html><body>Just a moment…</body></html>'),
  cutOff: (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
    response.write('{"success":true,"data":{"ownerAddr')
    setTimeout(() => response.destroy(), 5)
  },
  shortJson: (response: ServerResponse) =>
    void response
      .writeHead(200, { 'content-type': 'application/json' })
      .end('{"success":true,"data":{"owner'),
  stall: () => undefined,
  hangUp: (response: ServerResponse) => void response.destroy(),
  quota: (response: ServerResponse) =>
    json(response, 400, { success: false, message: 'Compute units usage limit exceeded' }),
  badKey: (response: ServerResponse) => json(response, 401, { success: false, message: 'Unauthorized' }),
  badAddress: (response: ServerResponse) =>
    json(response, 400, { success: false, message: 'address is invalid format' }),
}
