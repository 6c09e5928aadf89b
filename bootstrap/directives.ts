import { EDITIONS, type Edition, UserError } from '../dialect/index.js'
import type { SourceFile } from './project.js'
import { positionIn } from './source_position.js'

const EDITIONS_LINE = /^[ \t]*--[ \t]*@editions\b([^\n]*)/gm

/**
 * The editions that a file is for: `-- @editions oss-3, enterprise` in the comments before its first statement.
 * Without such a line, all.
 * @throws UserError PROJECT_DIRECTIVE
 */
export function editionsOf(file: SourceFile): readonly Edition[] {
  const head = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(file.source)![0]
  const [line] = head.matchAll(EDITIONS_LINE)
  if (!line) return EDITIONS
  const names = line[1]!.split(/[\s,]+/).filter((name) => name !== '')
  const unknown = names.find((name) => !(EDITIONS as readonly string[]).includes(name))
  if (unknown === undefined && names.length > 0) return names as Edition[]
  const position = positionIn(file.path, file.source, line.index)
  throw new UserError(
    'PROJECT_DIRECTIVE',
    unknown === undefined ? '@editions names no edition.' : `There is no edition '${unknown}'.`,
    {
      where: position.where,
      detail: position.excerpt,
      suggestion: `Write for example -- @editions ${EDITIONS.join(', ')}`,
    },
  )
}
