import { once, setMaxListeners } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { BrokerError } from './errors.js'
import type { BrokerLog, Route } from './handlers/context.js'
import { apiVersionsAnswer } from './handlers/routes.js'
import { apiVersions, saslAuthenticate, saslHandshake } from './protocol/apis/cluster.js'
import { MalformedFrame, Reader, Writer } from './protocol/bytes.js'
import { classicNullableString, taggedFields } from './protocol/codec.js'
import { KafkaCode } from './protocol/errors.js'
import { Login } from './security/login.js'
import type { Users } from './security/sasl.js'

const MAX_CONNECTIONS = 1024
/** What may be asked before a login. */
const OPEN_APIS: ReadonlySet<number> = new Set([apiVersions.key, saslHandshake.key, saslAuthenticate.key])

/** Certificates as PEM text. With `ca`, clients must show one that it signed. */
export interface BrokerTls {
  cert: string
  key: string
  ca?: string
}

export interface ServerOptions {
  host: string
  /** 0 takes a free one. */
  port: number
  /** Where clients are told to connect; by default where they did. */
  advertisedHost?: string
  /** A request that says it is longer than this many bytes ends its connection. */
  maxFrameBytes: number
  tls?: BrokerTls
  /** Who may come in; absent: everybody. */
  users?: Users
  routes: ReadonlyMap<number, Route>
  log: BrokerLog
}

/** Accepts connections and hands frames to the routes; one request of a connection at a time, as Kafka does. */
export class BrokerServer {
  readonly #options: ServerOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #closing = new AbortController()
  #port = 0

  constructor(options: ServerOptions) {
    this.#options = options
    const serve = (socket: Socket) => void this.#serve(socket)
    const { tls, log } = options
    this.#server = tls ? createTlsServer(tlsOptions(tls), serve) : createServer({ noDelay: true }, serve)
    this.#server.on('tlsClientError', (error: Error) => log.debug(`TLS: ${error.message}`))
    this.#server.maxConnections = MAX_CONNECTIONS
    // Each connection listens for the end.
    setMaxListeners(MAX_CONNECTIONS, this.#closing.signal)
  }

  /** Throws BROKER_PORT_IN_USE or BROKER_CANNOT_LISTEN. */
  async listen(): Promise<number> {
    const { host, port } = this.#options
    try {
      this.#server.listen({ host, port })
      await once(this.#server, 'listening')
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EADDRINUSE') {
        const message = `Port ${port} on ${host} is in use: stop what listens there, or give the Kafka broker another port`
        throw new BrokerError('BROKER_PORT_IN_USE', message, { cause })
      }
      const message = `The Kafka broker cannot listen on ${host}:${port}: ${String(cause)}`
      throw new BrokerError('BROKER_CANNOT_LISTEN', message, { cause })
    }
    const address = this.#server.address()
    this.#port = typeof address === 'object' && address ? address.port : port
    return this.#port
  }

  async #serve(socket: Socket): Promise<void> {
    const { log, maxFrameBytes } = this.#options
    const connection = new AbortController()
    const login = new Login(this.#options.users)
    const end = () => connection.abort()
    const client = `${socket.remoteAddress}:${socket.remotePort}`
    this.#sockets.add(socket)
    socket.on('error', (error) => log.debug(`connection of ${client}: ${error.message}`))
    socket.once('close', end)
    this.#closing.signal.addEventListener('abort', end)
    try {
      for await (const frame of readFrames(socket, maxFrameBytes)) {
        const answer = login.awaitsBareToken
          ? bareAnswer(login, frame)
          : await this.#answer(frame, socket, login, connection.signal)
        if (connection.signal.aborted) break
        // Reading goes on when the client has taken its answer: a slow one holds back itself.
        if (answer && !writeFrame(socket, answer)) await drained(socket, connection.signal)
        if (login.failed) {
          log.warn(`connection of ${client} dropped: it could not log in`)
          socket.end()
          await once(socket, 'close', { signal: connection.signal })
          break
        }
      }
    } catch (error) {
      if (error instanceof MalformedFrame) log.warn(`connection of ${client} dropped: ${error.message}`)
      else if (!isDisconnect(error)) log.warn(`connection of ${client} dropped: ${stackOf(error)}`)
    } finally {
      this.#closing.signal.removeEventListener('abort', end)
      this.#sockets.delete(socket)
      socket.destroy()
    }
  }

  async #answer(
    frame: Buffer,
    socket: Socket,
    login: Login,
    signal: AbortSignal,
  ): Promise<Buffer[] | undefined> {
    const header = new Reader(frame)
    const key = header.int16()
    const version = header.int16()
    const correlationId = header.int32()
    const route = this.#options.routes.get(key)
    if (!route) throw new MalformedFrame(`there is no API ${key}`)
    if (version < route.min || version > route.max) {
      if (key === apiVersions.key && version > route.max) return this.#tooNew(correlationId)
      throw new MalformedFrame(`${route.name} v${version} is not offered (${route.min} to ${route.max} are)`)
    }
    if (!login.done && !OPEN_APIS.has(key)) throw new MalformedFrame(`${route.name} before a login`)
    const clientId = classicNullableString.read(header) ?? ''
    const flexible = version >= route.flexibleFrom
    const reader = new Reader(frame, version, flexible)
    reader.position = header.position
    if (flexible) taggedFields.read(reader)
    const context = {
      version,
      clientId,
      clientHost: `/${socket.remoteAddress ?? ''}`,
      login,
      advertised: { host: this.#advertisedHost(socket), port: this.#port },
      signal,
    }
    const write = await route.run(reader, context)
    if (!write) return undefined
    const writer = new Writer(version, flexible)
    writer.int32(correlationId)
    if (flexible && key !== apiVersions.key) taggedFields.write(writer, undefined)
    write(writer)
    return framed(writer)
  }

  /** A client newer than the broker learns from version 0 of the answer which versions to use. */
  #tooNew(correlationId: number): Buffer[] {
    const writer = new Writer(0, false)
    writer.int32(correlationId)
    const answer = apiVersionsAnswer(this.#options.routes.values(), KafkaCode.UNSUPPORTED_VERSION)
    apiVersions.response.write(writer, answer)
    return framed(writer)
  }

  #advertisedHost(socket: Socket): string {
    const { advertisedHost, host } = this.#options
    if (advertisedHost) return advertisedHost
    const anyAddress = host === '0.0.0.0' || host === '::' || host === ''
    return anyAddress ? (socket.localAddress ?? '127.0.0.1').replace(/^::ffff:/, '') : host
  }

  async close(): Promise<void> {
    this.#closing.abort()
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

/** A token for a token; a refusal is the end of the connection. */
function bareAnswer(login: Login, token: Buffer): Buffer[] | undefined {
  const { authBytes } = login.authenticate(token)
  return login.failed ? undefined : framedBytes([authBytes])
}

function tlsOptions({ cert, key, ca }: BrokerTls): TlsOptions & { noDelay: boolean } {
  return {
    cert,
    key,
    noDelay: true,
    ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }),
  }
}

const framed = (writer: Writer): Buffer[] => framedBytes(writer.chunks())

function framedBytes(chunks: Buffer[]): Buffer[] {
  const length = Buffer.alloc(4)
  length.writeInt32BE(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  return [length, ...chunks]
}

/** Requests of a connection, without their length. Reads no further than its consumer asks. */
async function* readFrames(socket: Socket, maxBytes: number): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = []
  let have = 0
  let wanted = -1
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    have += chunk.length
    for (;;) {
      if (wanted < 0) {
        if (have < 4) break
        if (chunks[0]!.length < 4) chunks = [Buffer.concat(chunks)]
        wanted = chunks[0]!.readInt32BE(0)
        if (wanted <= 0 || wanted > maxBytes) {
          throw new MalformedFrame(`a request of ${wanted} bytes; at most ${maxBytes} are taken`)
        }
      }
      if (have < wanted + 4) break
      const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      yield all.subarray(4, wanted + 4)
      const rest = all.subarray(wanted + 4)
      chunks = rest.length > 0 ? [rest] : []
      have = rest.length
      wanted = -1
    }
  }
}

/** One gathering write; false when the socket has more buffered than it likes. */
function writeFrame(socket: Socket, chunks: Buffer[]): boolean {
  socket.cork()
  let ready = true
  for (const chunk of chunks) ready = socket.write(chunk)
  socket.uncork()
  return ready
}

async function drained(socket: Socket, signal: AbortSignal): Promise<void> {
  if (socket.writableNeedDrain) await once(socket, 'drain', { signal })
}

function isDisconnect(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException)?.code ?? ''
  return ['ECONNRESET', 'EPIPE', 'ABORT_ERR', 'ERR_STREAM_PREMATURE_CLOSE', 'ETIMEDOUT'].includes(code)
}

const stackOf = (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error))
