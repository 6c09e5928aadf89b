import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UserError } from '../../dialect/user_error.js'
import { handleRest, type RestDeps } from './rest/router.js'
import { handleSql, type SqlDeps } from './sql_handler.js'

export interface Listener {
  port: number
  /** Stops listening and ends every connection. */
  close(): Promise<void>
}

/** Proton's two HTTP ports: bounded results on one, streaming ones on the other. Both answer everything else alike. */
export async function listenSql(
  options: { host: string; port: number; tableMode: boolean; setting: string },
  deps: SqlDeps & RestDeps,
): Promise<Listener> {
  const server = createServer((request, response) => {
    // A failure of one request ends that request, never the process.
    response.on('error', () => response.destroy())
    request.on('error', () => {})
    route(request, response, options.tableMode, deps).catch(() => response.destroy())
  })
  // Streaming answers last as long as their clients like; idle connections are kept as Proton keeps them.
  server.requestTimeout = 0
  server.keepAliveTimeout = 10_000
  return listen(server, options)
}

export async function listen(
  server: Server,
  options: { host: string; port: number; setting: string },
): Promise<Listener> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, options)))
    server.listen(options.port, options.host, () => resolve())
  })
  server.on('error', () => {})
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listenError(
  error: NodeJS.ErrnoException,
  options: { host: string; port: number; setting: string },
): UserError {
  const where = `${options.host}:${options.port}`
  if (error.code === 'EADDRINUSE') {
    return new UserError(
      'ENGINE_PORT_IN_USE',
      `Port ${options.port} (${options.setting}) is in use by another program`,
      {
        detail: where,
        suggestion: `Stop what listens on ${where}, or set ports.${options.setting} to another port, or to 0 for any free one`,
        cause: error,
      },
    )
  }
  return new UserError(
    'ENGINE_CANNOT_LISTEN',
    `Cannot listen on ${where} (${options.setting}): ${error.message}`,
    {
      cause: error,
    },
  )
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  tableMode: boolean,
  deps: SqlDeps & RestDeps,
): Promise<void> {
  if (!fromHere(request)) return plain(response, 403, 'Pages of other sites may not use this engine.\n')
  let url: URL
  try {
    url = new URL(request.url ?? '/', 'http://engine')
  } catch {
    return plain(response, 400, 'The path cannot be read.\n')
  }
  if (url.pathname === '/') {
    if (request.method === 'POST' || url.searchParams.has('query')) {
      return handleSql(request, response, url, tableMode, deps)
    }
    return plain(response, 200, 'Ok.\n')
  }
  // Clients of ClickHouse ask for their health check here; 1.6 has none.
  if (url.pathname === '/ping' && deps.statements.edition !== 'oss-1.6') return plain(response, 200, 'Ok.\n')
  if (await handleRest(request, response, url, deps)) return
  response.writeHead(404).end(`There is no HTTP handle for path ${url.pathname}\n\n`)
}

const LOOPBACK = /^https?:\/\/(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/i

/** A browser tells which site a request is made by; the default user has no password, so only local ones may. */
function fromHere(request: IncomingMessage): boolean {
  const { origin } = request.headers
  return origin === undefined || LOOPBACK.test(origin)
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=UTF-8' })
  response.end(text)
}
