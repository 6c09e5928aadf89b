import { parseStatements } from '../../dialect/index.js'
import { editionsOf } from '../directives.js'
import type { SourceFile } from '../project.js'
import { deployableObject } from '../statements.js'
import type { LintedProject, LintObject } from './rule.js'

/** The objects of a project for an edition. @throws SqlSyntaxError */
export function lintObjects(project: LintedProject): LintObject[] {
  const { edition } = project.target
  return [
    ...project.functions.flatMap(({ sql, source }): LintObject[] =>
      parseStatements(sql).flatMap(({ statement, span }) => {
        const made = deployableObject(statement)
        return made ? [{ ...made, statement, head: '', start: span.start, end: span.end, source }] : []
      }),
    ),
    ...project.files.filter((file) => editionsOf(file).includes(edition)).flatMap(objectsOf),
  ]
}

function objectsOf(file: SourceFile): LintObject[] {
  const { text } = file.expansion
  let before = 0
  return parseStatements(text, { file: file.path }).flatMap(({ statement, span }) => {
    const made = deployableObject(statement)
    const head = text.slice(before, span.start)
    before = span.end
    return made
      ? [{ ...made, statement, head, file, start: span.start, end: span.end, source: file.path }]
      : []
  })
}
