import { EDITIONS, type Edition, UserError } from '../dialect/index.js'
import type { SourceFile } from './project.js'
import { WAYS, type Way } from './replace/way.js'
import { positionIn } from './source_position.js'

const EDITIONS_LINE = /^[ \t]*--[ \t]*@editions\b([^\n]*)/gm

/**
 * The editions that a file is for: `-- @editions oss-3, enterprise` in the comments before its first statement.
 * Without such a line, all.
 * @throws UserError PROJECT_DIRECTIVE
 */
export function editionsOf(file: SourceFile): readonly Edition[] {
  const head = headOf(file.source)
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

const WHEN_LINE = /^[ \t]*--[ \t]*@when\b[ \t]*(\w*)/m

/** The variable of `-- @when NAME` in the comments before the first statement: the file is left out where it has no value. */
export function neededVariable(source: string): string | undefined {
  return WHEN_LINE.exec(headOf(source))?.[1] || undefined
}

/** What stands before the first statement. */
function headOf(source: string): string {
  return /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(source)![0]
}

const REPLACE_LINE = /^[ \t]*--[ \t]*@replace\b[ \t]*(\S*)/m

/**
 * How the object of a statement is to be replaced: `-- @replace rebuild` in the comment before it.
 * @throws UserError PROJECT_DIRECTIVE
 */
export function wantedWay(comment: string, where: string): Way | undefined {
  const word = REPLACE_LINE.exec(comment)?.[1]
  const way = WAYS.find((known) => known === word)
  if (word === undefined || way) return way
  throw new UserError('PROJECT_DIRECTIVE', `'@replace ${word}' is none of the ways to replace a view.`, {
    where,
    suggestion: `Write one of ${WAYS.join(', ')}, or leave the choice to tpctl.`,
  })
}
