import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../../bootstrap/compile.js'
import type { Edition } from '../../bootstrap/config.js'
import type { Deployment } from '../../bootstrap/model.js'
import { loadProject, type Project } from '../../bootstrap/project.js'
import { renderScript } from '../../bootstrap/render.js'
import { EDITIONS, parseStatements, printStatement, type Statement } from '../../dialect/index.js'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const deployments = new Map<Edition, Deployment>()
let project: Project

beforeAll(async () => {
  for (const edition of EDITIONS) {
    project = await loadProject(root, { env: {}, overrides: { edition } })
    deployments.set(edition, compile(project))
  }
})

const objects = (edition: Edition) => deployments.get(edition)!.objects
const statements = (edition: Edition): Statement[] => objects(edition).map(({ statement }) => statement)

describe('the files', () => {
  it('hold one object each, called like the file, and begin with a comment', () => {
    for (const folder of ['sql/streams', 'sql/views'])
      for (const file of readdirSync(join(root, folder))) {
        const text = readFileSync(join(root, folder, file), 'utf8')
        expect(text, file).toMatch(/^-- \S/)
        expect(text, file).toMatch(new RegExp(`^CREATE [A-Z ]+ ${file.replace('.sql', '')} `, 'm'))
        expect(text.match(/^CREATE /gm), file).toHaveLength(1)
      }
  })

  it('give every variable a default, but the brokers', () => {
    for (const { source, path } of project.files)
      for (const [, name, rest] of source.matchAll(/\$\{(\w+)([^}]*)\}/g))
        if (name !== 'KAFKA_BROKERS') expect(rest, `${path}: ${name}`).toMatch(/^:-/)
  })
})

describe.each(EDITIONS)('compiled for %s', (edition) => {
  it('has everything in an order in which it can be created', () => {
    const seen = new Set<string>()
    for (const { key, dependsOn } of objects(edition)) {
      for (const need of dependsOn) expect(seen, `${key} needs ${need}`).toContain(need)
      seen.add(key)
    }
    // What is granted is of Timeplus Enterprise and the embedded engine alone.
    const access = new Set(['user', 'role', 'grant', 'row_policy'])
    const others = (all: Edition) => objects(all).filter(({ kind }) => !access.has(kind)).length
    expect(others(edition)).toBe(others('embedded'))
    const granted = objects(edition).length - others(edition)
    expect(granted > 0, `${granted} of access`).toBe(['embedded', 'enterprise'].includes(edition))
  })

  it('every stream has a TTL', () => {
    for (const statement of statements(edition)) {
      if (statement.kind !== 'create_stream') continue
      const ttl = statement.ttl?.length || statement.settings.some(({ name }) => name === 'ttl_seconds')
      expect(ttl, statement.name.name).toBeTruthy()
    }
  })

  it('the token stream is keyed by list and address, versioned, and sharded by address', () => {
    const tokens = objects(edition).find(({ name }) => name === 'jupiter_tokens')!.sql
    expect(tokens).toContain('PRIMARY KEY (jup_token_type, address)')
    expect(tokens).toContain("version_column = 'ver'")
    expect(tokens).toContain("sharding_expr = 'weak_hash32(address)'")
    expect(tokens).toContain('shards = 3')
  })

  it('prints to text that parses to the same again', () => {
    for (const { sql, name } of objects(edition)) {
      const [again] = parseStatements(sql)
      expect(printStatement(again!.statement, { edition }), name).toBe(sql)
    }
  })

  it('filters ranks inside, before the function that costs money', () => {
    const { sql } = objects(edition).find(({ name }) => name === 'mv_trending_enriched')!
    expect(sql.indexOf('birdeye_token_security(')).toBeLessThan(sql.indexOf('WHERE rank < 20'))
    expect(sql.slice(sql.indexOf('WHERE rank < 20')).replace(/[^)]/g, '').length).toBeGreaterThanOrEqual(3)
  })
})

describe('compiled for Enterprise', () => {
  it('uses mutable streams for what has a key', () => {
    const mutable = statements('enterprise').flatMap((s) =>
      s.kind === 'create_stream' && s.mutable ? [s.name.name] : [],
    )
    expect(mutable.sort()).toEqual(
      ['jupiter_tokens', 'token_all_raw', 'token_banned_raw', 'token_security', 'token_strict_raw'].sort(),
    )
  })
})

describe('compiled for Proton 1.6', () => {
  // What the 1.6 parser refused, or does not have.
  const REFUSED = [
    /\bMUTABLE\b/,
    /AFTER WINDOW CLOSE/,
    /\bttl_seconds\b/,
    /\benable_dlq\b/,
    /_tp_message_key/,
    /_tp_message_headers/,
    /\bCREATE (TASK|ALERT|DICTIONARY|NAMED COLLECTION)\b/,
    /\bDELETE FROM\b/,
    /EMIT PER EVENT/,
    /\bON UPDATE WITH BATCH\b/,
  ]

  it('has no construct that its parser refuses', () => {
    for (const { sql, name, kind } of objects('oss-1.6')) {
      const text = kind === 'function' ? sql.split('$$')[0]! : sql
      for (const refused of REFUSED) expect(text, `${name}: ${refused}`).not.toMatch(refused)
    }
  })

  it('keys become versioned_kv', () => {
    for (const statement of statements('oss-1.6')) {
      if (statement.kind !== 'create_stream' || !statement.primaryKey) continue
      expect(printStatement(statement)).toContain("mode = 'versioned_kv'")
    }
  })

  const names = readFunctions()
  const title = 'calls only functions that 1.6 has, or that the project brings'
  it.skipIf(!names)(names ? title : `${title} (skipped: no ../shared/proton here)`, () => {
    const own = new Set(project.functions.map(({ name }) => name))
    for (const { sql, kind, name } of objects('oss-1.6')) {
      if (kind === 'function') continue
      const calls = [...sql.replaceAll(/'(?:[^'\\]|\\.)*'/g, "''").matchAll(/\b([a-z_][a-z0-9_]*)\(/g)].map(
        (match) => match[1]!,
      )
      for (const call of calls)
        if (!own.has(call) && !NO_FUNCTIONS.has(call)) expect(names!, `${name} calls ${call}`).toContain(call)
    }
  })

  /** Words before a bracket that are none: types, table functions, and the names of streams. */
  const NO_FUNCTIONS = new Set(['datetime64', 'nullable', 'array', 'tumble', 'table'])
})

/** The list that Proton 1.6.1 gave of its own functions, where the research folder is at hand. */
function readFunctions(): Set<string> | undefined {
  try {
    const text = readFileSync(join(root, '../shared/proton/real-1.6.1/system-functions.tsv'), 'utf8')
    const names = new Set(text.split('\n').map((line) => line.split('\t')[0]!))
    // Combinators make more of an aggregate function.
    names.add('arg_max_if')
    return names
  } catch {
    return undefined
  }
}

describe('the rendered script', () => {
  it.each(EDITIONS)('%s: parses, and creates everything once', (edition) => {
    const script = renderScript(deployments.get(edition)!)
    const created = parseStatements(script).filter(({ statement }) => statement.kind !== 'query')
    expect(created).toHaveLength(objects(edition).length)
  })

  it('waits between a function and its first use, in steps that sleep() takes', () => {
    const script = renderScript(deployments.get('oss-1.6')!)
    const creation = script.indexOf('FUNCTION token_risk_score(')
    const wait = script.indexOf('-- tpctl:wait function=token_risk_score')
    const use = script.indexOf('token_risk_score(security)')
    expect(creation).toBeGreaterThan(0)
    expect(wait).toBeGreaterThan(creation)
    expect(use).toBeGreaterThan(wait)
    const sleeps = [...script.slice(wait, use).matchAll(/SELECT sleep\((\d+)\);/g)].map((match) =>
      Number(match[1]),
    )
    expect(Math.max(...sleeps)).toBeLessThanOrEqual(3)
    expect(sleeps.reduce((a, b) => a + b)).toBeGreaterThan(5)
  })

  it('hides secrets unless asked', async () => {
    const env = { UDF_GATEWAY_KEY: 'very-secret' }
    const deployment = compile(await loadProject(root, { env }))
    expect(renderScript(deployment)).not.toContain('very-secret')
    expect(renderScript(deployment)).toContain("AUTH_KEY '***'")
    expect(renderScript(deployment, { withSecrets: true })).toContain('very-secret')
  })
})
