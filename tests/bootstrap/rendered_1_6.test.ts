import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { compile } from '../../bootstrap/compile.js'
import { loadProject } from '../../bootstrap/project.js'
import { renderScript } from '../../bootstrap/render.js'
import { parseStatement, parseStatements } from '../../dialect/index.js'
import { refusedBy16 } from './proton_1_6.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** How a statement may begin, as a 1.6.1 itself says where it expects one. */
const BEGINNINGS =
  /^(CREATE (OR REPLACE )?(EXTERNAL STREAM|RANDOM STREAM|STREAM|EXTERNAL TABLE|VIEW|MATERIALIZED VIEW|FUNCTION|AGGREGATE FUNCTION|REMOTE FUNCTION|FORMAT SCHEMA|USER|ROLE|ROW POLICY|QUOTA)|GRANT|SELECT sleep) ?/

describe.each([
  ['flagship', '', { UDF_GATEWAY_KEY: 'the-gateways-key' }],
  ['every-kind', 'examples/every-kind', {}],
])('%s, rendered for Proton 1.6', (_, folder, env) => {
  it('has nothing that a 1.6.1 does not know', async () => {
    const project = await loadProject(ROOT + folder, { env, overrides: { edition: 'oss-1.6' } })
    const deployment = compile(project)
    const own = new Set(deployment.objects.filter(({ kind }) => kind === 'function').map(({ name }) => name))
    const statements = parseStatements(renderScript(deployment), { strict: true })
    expect(statements.length).toBeGreaterThan(20)
    const script = renderScript(deployment)
    for (const { statement, span } of statements) {
      const text = script.slice(span.start, span.end)
      expect(text).toMatch(BEGINNINGS)
      expect(refusedBy16(statement, own), text.slice(0, 200)).toEqual([])
    }
  })
})

it('what a 1.6.1 does not know is found', () => {
  const refused = (sql: string) => refusedBy16(parseStatement(sql), new Set(['own']))
  expect(refused('CREATE STREAM s (a no_such_type) SETTINGS ttl_seconds = 1')).toEqual([
    'storage setting ttl_seconds',
    'type no_such_type',
  ])
  expect(
    refused(
      'CREATE VIEW v AS SELECT own(a), group_concat(b), c::array(nope) FROM rowify(s) SETTINGS enable_dlq = true',
    ),
  ).toEqual(['setting enable_dlq', 'function group_concat', 'type nope', 'function rowify'])
})
