import { z } from 'zod'
import { lintMarkdown } from '../bootstrap/lint/docs.js'
import { GUIDES } from './guides/index.js'
import { guideMarkdown, leafCommands } from './guides/render.js'
import { llmsText } from './llms.js'
import { createProgram } from './program.js'
import { testFile } from './sqltest/format.js'

/** Files of the repository that are made from the code, by path: `npm run build && npm run docs`. */
export async function generatedFiles(): Promise<Record<string, string>> {
  const program = await createProgram()
  // A command without a guide has no page; a test says that it lacks one.
  const guided = leafCommands(program).filter(({ words }) => words.join(' ') in GUIDES)
  const guides = guided.map(({ words, command }) => [
    `docs/commands/${words.join('-')}.md`,
    guideMarkdown(words, command),
  ])
  return {
    'docs/lint.md': lintMarkdown(),
    'schemas/test.schema.json': json({
      title: 'Tests of a tpctl project',
      ...z.toJSONSchema(testFile, { io: 'input' }),
    }),
    'llms.txt': llmsText(program),
    ...Object.fromEntries(guides),
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
