import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { compile } from '../../bootstrap/compile.js'
import { loadProject } from '../../bootstrap/project.js'
import { renderScript } from '../../bootstrap/render.js'
import { EDITIONS, parseStatements, printStatement } from '../../dialect/index.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/**
 * What each edition is sent, to the letter. After a change that is meant: npx vitest run tests/bootstrap/golden.test.ts --update
 */
describe.each([
  ['flagship', ''],
  ['every-kind', 'examples/every-kind'],
])('%s', (name, folder) => {
  it.each(EDITIONS)('for %s', async (edition) => {
    const project = await loadProject(ROOT + folder, { env: {}, overrides: { edition } })
    const deployment = compile(project, edition)
    const script = renderScript(deployment)
    await expect(script).toMatchFileSnapshot(`golden/${name}.${edition}.sql`)
    // What was rendered means what was compiled.
    const [...statements] = parseStatements(script).map(({ statement }) => statement)
    const created = statements.filter(({ kind }) => kind !== 'query')
    const wanted = deployment.objects.flatMap(({ kind, hiddenSql }) =>
      kind === 'grant' ? hiddenSql.split(';\n') : [hiddenSql],
    )
    expect(created.map((statement) => printStatement(statement, { edition })).sort()).toEqual(wanted.sort())
  })
})
