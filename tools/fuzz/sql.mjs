/** `npm run fuzz:sql -- --count N --seed S`: broken SQL for the parser, one in `SHARE` also for a running engine. */
import { parseStatement, parseStatements, printStatement, SqlSyntaxError } from '../../dist/dialect/index.js'
import { command } from './command.mjs'
import { brokenStatement } from './statements.mjs'
import { Victim } from './victim.mjs'

const SHARE = 100
/** Requests to the engine at once. */
const WIDTH = 8
/** Streaming queries do not end by themselves. */
const READ_MS = 300

/** A tree or a syntax error, soon; a tree can be printed and read again. */
function parse(sql, figures, hangMs) {
  figures.inputs++
  const started = performance.now()
  for (const read of [parseStatement, parseStatements]) {
    try {
      const tree = read(sql)
      if (read === parseStatement) {
        figures.parsed++
        reread(sql, tree)
      }
    } catch (cause) {
      if (!(cause instanceof SqlSyntaxError))
        throw Object.assign(new Error(`on ${JSON.stringify(sql)}`), { cause })
    }
  }
  const took = performance.now() - started
  figures.slowestParseMs = Math.max(figures.slowestParseMs, Math.round(took))
  if (took > hangMs) throw new Error(`${Math.round(took)} ms for ${JSON.stringify(sql.slice(0, 500))}`)
}

function reread(sql, tree) {
  const printed = printStatement(tree)
  try {
    if (printStatement(parseStatement(printed)) === printed) return
  } catch (cause) {
    throw Object.assign(new Error(`printed as ${printed}, which cannot be read: ${sql}`), { cause })
  }
  throw new Error(`printed as ${printed}, which prints otherwise: ${sql}`)
}

async function send(victim, sql, stream) {
  const url = new URL(stream ? victim.address.streamUrl : victim.address.url)
  url.searchParams.set('max_execution_time', '1')
  try {
    const response = await fetch(url, { method: 'POST', body: sql, signal: AbortSignal.timeout(READ_MS) })
    await response.arrayBuffer()
  } catch (cause) {
    if (cause?.name !== 'TimeoutError') victim.check()
  }
}

await command('sql', 1_000_000, async ({ count, chance, hangMs }) => {
  const victim = await Victim.start(hangMs)
  const figures = { inputs: 0, parsed: 0, sent: 0, slowestParseMs: 0, longestSilenceMs: 0 }
  const pending = new Set()
  try {
    for (let i = 0; i < count; i++) {
      const sql = brokenStatement(chance)
      parse(sql, figures, hangMs)
      if (chance.oneIn(SHARE)) {
        figures.sent++
        const sent = send(victim, sql, chance.oneIn(2)).finally(() => pending.delete(sent))
        pending.add(sent)
        if (pending.size >= WIDTH) await Promise.race(pending)
        victim.check()
      }
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
