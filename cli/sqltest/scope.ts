import { needsOf } from '../../bootstrap/needs.js'
import { createdObject, parseStatement, parseStatements, type Statement } from '../../dialect/index.js'
import type { TestScope } from './needed.js'
import type { PlacedTest } from './run_test.js'
import type { PlacedStep } from './site.js'

/** What tests name: streams that get rows, and whatever is asked. */
export function scopeOf(given: readonly PlacedStep[], tests: readonly PlacedTest[]): TestScope {
  const scope = { given: new Set<string>(), wanted: new Set<string>(), functions: new Set<string>() }
  /** What the tests create themselves. */
  const own = new Set<string>()
  const read = (statement: Statement) => {
    const needs = needsOf(statement)
    for (const { name } of needs.relations) if (!own.has(name)) scope.wanted.add(name)
    for (const name of needs.functions) scope.functions.add(name)
    if (statement.kind === 'insert' && !('kind' in statement.into)) scope.given.add(statement.into.name)
    const made = createdObject(statement)
    if (made) own.add(made.name.name)
  }
  for (const { step } of [...given, ...tests.flatMap(({ steps }) => steps)]) {
    if (step.stream !== undefined) scope.given.add(step.stream)
    if (step.sql !== undefined) for (const { statement } of parseStatements(step.sql)) read(statement)
  }
  for (const {
    test: { query, expect },
  } of tests) {
    for (const sql of [query, ...expect.map((one) => one.sql)])
      if (sql !== undefined) read(parseStatement(sql))
    for (const { in: relation, error, dead_letters: source } of expect)
      for (const name of [relation, error?.view, source]) if (name !== undefined) scope.wanted.add(name)
  }
  return scope
}
