/** `npm run fuzz:http -- --count N --seed S`: requests of any shape, on sockets of our own, for a running engine. */
import { connect } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { command } from './command.mjs'
import { brokenStatement, wholeStatement } from './statements.mjs'
import { Victim } from './victim.mjs'

const WIDTH = 16
const READ_MS = 150

/** The status of the first answer, if there is one soon. `rude`: leaves in the middle. */
function exchange(port, bytes, rude) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let status
    const leave = () => {
      socket.destroy()
      resolve(status)
    }
    const timer = setTimeout(leave, READ_MS)
    socket.on('data', (data) => {
      status ??= /^HTTP\/1\.[01] (\d{3})/.exec(data.toString('latin1', 0, 16))?.[1]
      leave()
    })
    socket.on('error', leave)
    socket.on('close', () => {
      clearTimeout(timer)
      leave()
    })
    if (rude) socket.end(bytes.subarray(0, Math.floor(bytes.length / 2)))
    else socket.write(bytes)
  })
}

const METHODS = [
  'GET',
  'POST',
  'POST',
  'POST',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'HEAD',
  'TRACE',
  'BREW',
  'get',
  '',
]
const PATHS = [
  '/',
  '/',
  '/',
  '/ping',
  '/proton/ping',
  '/proton/info',
  '/nope',
  '//',
  '/..',
  '/%',
  '/%00',
  '*',
  'http://x/',
  '/proton/v1/ddl/streams',
  '/proton/v1/ddl/streams/s',
  '/proton/v1/ddl/streams/%ff',
  '/proton/v1/ddl/streams/a/b',
  '/proton/v1/ingest/streams/s',
  '/timeplusd/v1/ingest/streams/s?mode=x',
  '/proton/v1/ingest/statuses',
  '/proton/v1/search',
  '/proton/v1/sqlformat',
  '/proton/v1/sqlanalyzer',
  '/proton/v1/udfs',
  '/proton/v1/udfs/f',
  '/proton/v1/udfs/%2e%2e',
]
const PARAMETERS = [
  'query',
  'default_format',
  'database',
  'query_id',
  'session_id',
  'session_timeout',
  'session_check',
  'user',
  'password',
  'param_x',
  'max_threads',
  'max_block_size',
  'max_execution_time',
  'max_memory_usage',
  'enable_http_compression',
  'idempotent_id',
  'seek_to',
  'mode',
]
const VALUES = [
  '',
  '1',
  '-1',
  '0',
  '1e309',
  'x',
  "'",
  '`',
  '%00',
  '%ff',
  'JSON',
  'CSV',
  'Null',
  'SELECT%201',
  'default',
  '../..',
  '9'.repeat(400),
]
const HEADERS = [
  'content-encoding: gzip',
  'content-encoding: br',
  'content-encoding: deflate',
  'content-encoding: zstd',
  'accept-encoding: gzip',
  'authorization: Basic !!!',
  'authorization: Basic ZGVmYXVsdDo=',
  'authorization: Bearer x',
  'origin: http://evil.example',
  'origin: null',
  'x-timeplus-user: default',
  'x-timeplus-key: x',
  'x-timeplus-format: JSON',
  'x-timeplus-format: Nope',
  'x-timeplus-query-id: same',
  'x-timeplus-database: nope',
  'x-timeplus-idempotent-id: 1',
  'expect: 100-continue',
  'upgrade: websocket',
  'connection: upgrade',
  'content-type: application/json',
  'cookie: a=b',
  `x-long: ${'y'.repeat(9000)}`,
  'bad header',
  ': empty',
  'x-ctl: \u0001',
]
const JSON_SEEDS = [
  {
    columns: ['i', 's'],
    data: [
      [1, 'a'],
      [2, null],
    ],
  },
  {
    name: 's',
    columns: [
      { name: 'i', type: 'int' },
      { name: 's', type: 'string', default: 'x' },
    ],
    ttl_expression: 'to_datetime(_tp_time) + 1d',
    shards: 1,
    mode: 'append',
  },
  { query: 'SELECT 1 AS a', offset: 1, page_size: 2 },
  {
    type: 'javascript',
    name: 'f',
    arguments: [{ name: 'a', type: 'int' }],
    return_type: 'int',
    source: 'function f(a) { return a }',
  },
  { poll_ids: ['x', 1, null] },
]

function requestBytes(chance) {
  if (chance.oneIn(50)) return chance.bytes(chance.below(400))
  const body = bodyBytes(chance)
  const lines = [`${chance.pick(METHODS)} ${target(chance)} ${chance.oneIn(30) ? 'HTTP/9.9' : 'HTTP/1.1'}`]
  if (!chance.oneIn(20)) lines.push('host: x')
  for (let i = chance.below(4); i > 0; i--) lines.push(chance.pick(HEADERS))
  const { headers, payload } = framed(body, chance)
  const head = Buffer.from(`${[...lines, ...headers].join('\r\n')}\r\n\r\n`, 'latin1')
  const whole = Buffer.concat([head, payload])
  return chance.oneIn(20) ? Buffer.concat([whole, requestBytes(chance)]) : whole
}

function target(chance) {
  const path = chance.pick(PATHS)
  const parameters = Array.from(
    { length: chance.below(4) },
    () => `${chance.pick(PARAMETERS)}=${chance.pick(VALUES)}`,
  )
  return parameters.length === 0 ? path : `${path}${path.includes('?') ? '&' : '?'}${parameters.join('&')}`
}

function bodyBytes(chance) {
  const kind = chance.below(10)
  if (kind < 4) return Buffer.from(chance.oneIn(2) ? brokenStatement(chance) : wholeStatement(chance))
  if (kind === 4) return chance.bytes(chance.below(2000))
  if (kind === 5) return Buffer.alloc(0)
  if (kind === 6) {
    const text = Buffer.from(brokenStatement(chance))
    return chance.pick([gzipSync, deflateSync, brotliCompressSync])(text)
  }
  let json = JSON.stringify(mangled(chance.pick(JSON_SEEDS), chance))
  if (chance.oneIn(3)) json = json.slice(0, chance.below(json.length + 1))
  if (chance.oneIn(4)) json = json.replace(/[:,{[]/, chance.pick(['', '::', '[[[', '\\', '"', '\0']))
  return Buffer.from(json)
}

/** A value with some of its parts replaced by something of another kind. */
function mangled(value, chance) {
  if (chance.oneIn(6))
    return chance.pick([null, -1, 1e308, 'x', '', [], {}, [[[]]], true, "'; DROP STREAM s", { a: { b: [] } }])
  if (Array.isArray(value)) return value.map((item) => mangled(item, chance))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(() => !chance.oneIn(12))
      .map(([key, item]) => [key, mangled(item, chance)]),
  )
}

function framed(body, chance) {
  const length = `content-length: ${body.length}`
  switch (chance.below(12)) {
    case 0:
      return { headers: [], payload: body }
    case 1:
      return { headers: [`content-length: ${body.length + 1 + chance.below(1000)}`], payload: body }
    case 2:
      return {
        headers: [`content-length: ${chance.pick(['-1', 'x', '1e3', '99999999999999999999', ''])}`],
        payload: body,
      }
    case 3:
      return { headers: [length, length], payload: body }
    case 4:
      return { headers: [length, 'transfer-encoding: chunked'], payload: chunks(body, chance) }
    case 5:
    case 6:
      return { headers: ['transfer-encoding: chunked'], payload: chunks(body, chance) }
    case 7:
      return {
        headers: ['transfer-encoding: chunked'],
        payload: Buffer.from(
          chance.pick([
            'zz\r\nabc',
            '-1\r\n',
            'ffffffffffffffff\r\nx',
            '5\r\nab',
            '\r\n\r\n',
            '1;ext=x\r\na\r\n0\r\ntrailer: x\r\n\r\n',
          ]),
        ),
      }
    default:
      return { headers: [length], payload: body }
  }
}

function chunks(body, chance) {
  const parts = []
  for (let at = 0; at < body.length; ) {
    const part = body.subarray(at, at + 1 + chance.below(100))
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'))
    at += part.length
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

await command('http', 100_000, async ({ count, chance, hangMs }) => {
  const victim = await Victim.start(hangMs)
  const figures = { requests: 0, answered: 0, statuses: {}, longestSilenceMs: 0 }
  const pending = new Set()
  try {
    for (let i = 0; i < count; i++) {
      figures.requests++
      const port = new URL(chance.oneIn(2) ? victim.address.url : victim.address.streamUrl).port
      const sent = exchange(Number(port), requestBytes(chance), chance.oneIn(10)).then((status) => {
        pending.delete(sent)
        if (status === undefined) return
        figures.answered++
        figures.statuses[status] = (figures.statuses[status] ?? 0) + 1
      })
      pending.add(sent)
      if (pending.size >= WIDTH) await Promise.race(pending)
      victim.check()
    }
    await Promise.all(pending)
    await victim.answers()
    victim.check()
    figures.longestSilenceMs = victim.longestMs
    return figures
  } finally {
    await victim.stop()
  }
})
