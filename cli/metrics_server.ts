import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Command } from 'commander'
import type { Registry } from 'prom-client'
import { UserError } from '../dialect/user_error.js'
import { parsePort } from './options.js'

export interface MetricsFlag {
  metricsPort?: number
}

export function withMetricsPort(command: Command): Command {
  return command.option('--metrics-port <port>', 'Prometheus metrics at /metrics on this port', parsePort)
}

export interface MetricsServer {
  port: number
  close(): Promise<void>
}

/**
 * Serves the metrics of a command that runs long, on loopback.
 * @throws UserError PORT_IN_USE
 */
export async function serveMetrics(registry: Registry, port: number): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new UserError('PORT_IN_USE', `Port ${port} cannot be listened on (${cause.code}).`, {
          suggestion: 'Take another one with --metrics-port.',
          cause,
        }),
      ),
    )
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
