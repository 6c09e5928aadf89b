import type { ServerResponse } from 'node:http'
import { type Edition, lower, parseStatement, printStatement } from '../../dialect/index.js'
import { ProtonError } from '../../driver/index.js'
import { type FakeServer, fakeServer, type Recorded, rowsBody } from '../driver/fake_server.js'
import { FakeEngine } from './fake_engine.js'

/** What each edition's server tells of itself: 1.6.1 as recorded, the others as their docs and sources say. */
const BUILDS: Record<Exclude<Edition, 'embedded'>, { path: string; build: Record<string, string> }> = {
  'oss-1.6': { path: '/proton/info', build: { edition: 'oss', name: 'proton', version: 'v1.6.1' } },
  'oss-3': { path: '/proton/info', build: { edition: 'oss', name: 'proton', version: 'v3.0.3' } },
  enterprise: {
    path: '/timeplusd/info',
    build: { edition: 'enterprise', name: 'timeplusd', version: 'v3.1.2' },
  },
}

export type ServerEdition = keyof typeof BUILDS

/** HTTP status by code, as Proton answers; everything else is 500. */
const STATUS: Record<number, number> = { 46: 404, 60: 404, 62: 400, 497: 403, 516: 403 }

export interface StandIn {
  url: string
  server: FakeServer
  engine: FakeEngine
  close(): Promise<void>
}

/**
 * A server of an edition over HTTP, with nothing behind it but memory: it answers what a deployment asks, shows what was
 * created the way Proton does, and refuses statements that the edition's grammar does not have.
 */
export async function standIn(edition: ServerEdition): Promise<StandIn> {
  const engine = new FakeEngine(edition)
  // Proton 1.6 tells the text of SQL functions only, and shows what was inserted a moment later.
  engine.restOnly = edition === 'oss-1.6'
  engine.lag = 1
  const server = await fakeServer(async (request, response) => {
    try {
      response.end(await answer(engine, edition, request))
    } catch (error) {
      refuse(response, error)
    }
  })
  return { url: server.url, server, engine, close: () => server.close() }
}

async function answer(engine: FakeEngine, edition: ServerEdition, request: Recorded): Promise<string> {
  const { method, url, body } = request
  if (method === 'GET') return rest(engine, edition, url.pathname)
  const insert = /^INSERT INTO `?(\w+)`? \((.+)\) FORMAT JSONCompactEachRow$/.exec(
    url.searchParams.get('query') ?? '',
  )
  if (insert) {
    const rows = body.split('\n').filter(Boolean)
    const columns = insert[2]!.split(', ').map((name) => name.replaceAll('`', ''))
    await engine.insert(
      insert[1]!,
      rows.map((line) => JSON.parse(line) as unknown[]),
      { columns },
    )
    return ''
  }
  if (body.startsWith('SHOW CREATE')) return engine.text(body)
  if (/^(SELECT|DESCRIBE|SHOW)\b/.test(body)) return tableOf(await engine.rows(body))
  checkGrammar(body, edition)
  await engine.exec(body)
  return ''
}

async function rest(engine: FakeEngine, edition: ServerEdition, path: string): Promise<string> {
  const { path: info, build } = BUILDS[edition]
  if (path === info) return JSON.stringify({ build, server: {} })
  if (path === '/proton/ping') return '{"status":"UP"}'
  const [, name] = /^\/proton\/v1\/udfs\/(\w+)$/.exec(path) ?? []
  if (name) return JSON.stringify({ data: await engine.udf(name) })
  throw new ProtonError(`There is no HTTP handle for path ${path}`, {
    code: 0,
    codeName: 'NOT_FOUND',
    httpStatus: 404,
  })
}

/** Rows in the driver's format. */
function tableOf(rows: Record<string, unknown>[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const typeOf = (name: string) => (typeof rows[0]?.[name] === 'number' ? 'int32' : 'string')
  return rowsBody(
    names.map((name) => [name, typeOf(name)]),
    rows.map((row) => names.map((name) => row[name])),
  )
}

/** A statement that lowering would have changed, or refused, is none of the edition's. */
function checkGrammar(sql: string, edition: ServerEdition): void {
  const statement = parseStatement(sql)
  const wanted = printStatement(statement, { edition })
  let own: string
  try {
    own = printStatement(lower(statement, edition).statement, { edition })
  } catch (error) {
    throw syntaxError(sql, String(error))
  }
  if (own !== wanted) throw syntaxError(sql, `the edition would be sent ${own}`)
}

const syntaxError = (sql: string, why: string) =>
  new ProtonError(`Syntax error: ${why}: ${sql}`, { code: 62, codeName: 'SYNTAX_ERROR' })

function refuse(response: ServerResponse, error: unknown): void {
  const code = error instanceof ProtonError ? Number(error.code) : 1002
  const { message } = error as Error
  const status = (error instanceof ProtonError && error.httpStatus) || (STATUS[code] ?? 500)
  response.writeHead(status, { 'x-timeplus-exception-code': String(code) })
  response.end(`Code: ${code}. DB::Exception: ${message}. (version 1.6.1)\n`)
}
