import { createHash, timingSafeEqual } from 'node:crypto'
import Fastify, { type FastifyInstance } from 'fastify'
import { UserError } from '../../../dialect/user_error.js'
import type { Environment, Provider, RemoteFunction } from '../define.js'
import { type AnswerCache, memoryCache } from './cache.js'
import { RateLimiter } from './limiter.js'
import { Lookups } from './lookups.js'
import { createMetrics } from './metrics.js'

export interface GatewayOptions {
  /** 0 = a free one. Default 9100. */
  port?: number
  /** Default 127.0.0.1. */
  host?: string
  remotes: readonly RemoteFunction[]
  /** Name of one of the functions' providers, or one itself. Default: what each function chooses by the environment. */
  provider?: string | Provider
  /** Where providers find keys and addresses. Default `process.env`. */
  environment?: Environment
  /** Engines must send this header. Without it anyone who reaches the port may call. */
  auth?: { header: string; key: string }
  /** Requests per second and account. Default: the provider's own. */
  rate?: number
  /** Requests that may leave at once after a pause. Default 1. */
  burst?: number
  /** Answers that outlive the process. Default: memory. Closed with the gateway. */
  cache?: AnswerCache | ((remote: RemoteFunction) => AnswerCache)
  /** Age after which an answer is fetched again. Default 7 days. */
  ttlMs?: number
  /** Within which a call is answered, whatever happens. Default 9 000 ms: engines wait for 10 s. */
  deadlineMs?: number
  /** How long a provider is left alone whose quota is used up. Default 1 h. */
  parkMs?: number
  /** Default 5 000 ms. */
  requestTimeoutMs?: number
  /** Default 4. */
  attempts?: number
  /** Default 250 ms. */
  backoffMs?: number
}

export interface Gateway {
  /** `http://127.0.0.1:9100`. */
  url: string
  /** Which provider serves which function, for banners and status. */
  providers: Record<string, string>
  /** Prometheus text. */
  metrics(): Promise<string>
  close(): Promise<void>
}

const DEFAULT_PORT = 9100
const DEFAULT_TTL_MS = 7 * 24 * 3600 * 1000
const DEFAULT_DEADLINE_MS = 9000
const DEFAULT_PARK_MS = 3600 * 1000
const DEFAULT_REQUEST_TIMEOUT_MS = 5000
const DEFAULT_ATTEMPTS = 4
const DEFAULT_BACKOFF_MS = 250
/** A block of 65 409 rows of 64 characters, several times over. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

interface Service {
  remote: RemoteFunction
  provider: Provider
  lookups: Lookups
  cache: AnswerCache
}

/**
 * Serves remote functions: `POST /<function>` with `{"<arg>": [v, …]}`, answered by `{"result": [text, …]}`.
 * `GET /healthz`, `GET /metrics`. Nothing it logs or answers holds a key.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const services = new Map<string, Service>()
  const metrics = createMetrics(() =>
    [...services.values()].map(({ remote, lookups }) => ({
      function: remote.name,
      parked: lookups.parkedMs > 0,
      waiting: lookups.waiting,
    })),
  )
  for (const remote of options.remotes) {
    const provider = chooseProvider(remote, options)
    const cache =
      typeof options.cache === 'function' ? options.cache(remote) : (options.cache ?? memoryCache())
    const lookups = new Lookups({
      name: remote.name,
      provider,
      limiter: new RateLimiter(options.rate ?? provider.requestsPerSecond, options.burst),
      cache,
      metrics,
      refuse: remote.refuse,
      ttlMs: options.ttlMs ?? DEFAULT_TTL_MS,
      parkMs: options.parkMs ?? DEFAULT_PARK_MS,
      requestTimeoutMs: options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
      attempts: options.attempts ?? DEFAULT_ATTEMPTS,
      backoffMs: options.backoffMs ?? DEFAULT_BACKOFF_MS,
    })
    services.set(remote.name, { remote, provider, lookups, cache })
  }

  const app = Fastify({ bodyLimit: MAX_BODY_BYTES, logger: false, forceCloseConnections: true })
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS
  addCalls(app, services, deadlineMs, options.auth, (name, status) =>
    metrics.requests.inc({ function: name, status }),
  )
  addObservers(app, services, () => metrics.registry.metrics())

  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= (async () => {
      // Lookups first: calls that wait for them are answered, then their connections may go.
      for (const { lookups } of services.values()) await lookups.close()
      await app.close()
      for (const { cache } of services.values()) await cache.close()
    })()
    return closing
  }
  try {
    const url = await app.listen({ port: options.port ?? DEFAULT_PORT, host: options.host ?? '127.0.0.1' })
    return {
      url,
      providers: Object.fromEntries([...services].map(([name, { provider }]) => [name, provider.name])),
      metrics: () => metrics.registry.metrics(),
      close,
    }
  } catch (cause) {
    await close()
    throw listenError(cause, options.port ?? DEFAULT_PORT)
  }
}

function chooseProvider(remote: RemoteFunction, options: GatewayOptions): Provider {
  if (typeof options.provider === 'object') return options.provider
  const environment = options.environment ?? process.env
  const name = options.provider ?? remote.defaultProvider(environment)
  const create = remote.providers[name]
  if (!create) {
    throw new UserError('UDF_UNKNOWN_PROVIDER', `Function '${remote.name}' has no provider '${name}'.`, {
      suggestion: `Choose one of: ${Object.keys(remote.providers).join(', ')}.`,
    })
  }
  return create(environment)
}

function addCalls(
  app: FastifyInstance,
  services: Map<string, Service>,
  deadlineMs: number,
  auth: GatewayOptions['auth'],
  count: (name: string, status: string) => void,
): void {
  // Whatever the content type says, the body is JSONColumns: one object with one array per argument.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) =>
    reply.code(error.statusCode ?? 500).send({ error: error.message }),
  )

  app.post<{ Params: { name: string } }>('/:name', async (request, reply) => {
    const service = services.get(request.params.name)
    const name = service ? service.remote.name : 'unknown'
    const refuse = (status: number, error: string) => {
      count(name, String(status))
      return reply.code(status).send({ error })
    }
    if (auth && !sameText(request.headers[auth.header.toLowerCase()], auth.key)) {
      return refuse(401, `header ${auth.header} is missing or wrong`)
    }
    if (!service) return refuse(404, `no function ${request.params.name}`)
    const argument = Object.keys(service.remote.args as object)[0]!
    const keys = columnOf(request.body, argument)
    if (!keys) return refuse(400, `the body must be {"${argument}": [...]}`)
    const result = await service.lookups.answer(keys, deadlineMs)
    count(name, '200')
    return { result }
  })
}

function columnOf(body: unknown, argument: string): unknown[] | undefined {
  if (typeof body !== 'string') return undefined
  try {
    const column = (JSON.parse(body) as Record<string, unknown> | null)?.[argument]
    return Array.isArray(column) ? column : undefined
  } catch {
    return undefined
  }
}

function addObservers(
  app: FastifyInstance,
  services: Map<string, Service>,
  text: () => Promise<string>,
): void {
  app.get('/healthz', async () => ({
    status: 'ok',
    functions: Object.fromEntries(
      [...services].map(([name, { provider, lookups }]) => [
        name,
        {
          provider: provider.name,
          waiting: lookups.waiting,
          parked_seconds: Math.ceil(lookups.parkedMs / 1000),
          ...(lookups.parkedReason === undefined ? {} : { parked_because: lookups.parkedReason }),
        },
      ]),
    ),
  }))
  app.get('/metrics', async (_request, reply) => reply.type('text/plain; version=0.0.4').send(await text()))
}

/** Hashed first, so that neither content nor length shows in the time it takes. */
function sameText(given: string | string[] | undefined, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return (
    timingSafeEqual(digest(typeof given === 'string' ? given : ''), digest(expected)) && given !== undefined
  )
}

function listenError(cause: unknown, port: number): Error {
  if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') return cause as Error
  return new UserError('PORT_IN_USE', `Port ${port} is in use: the function gateway cannot listen there.`, {
    suggestion: 'Stop what listens there, or choose another port.',
    cause,
  })
}
