import type { AggregateFunction, ScalarFunction } from './define.js'
import type { ArgDeclarations, ReturnValue, Row, TypeDeclaration } from './types.js'

/** Runs a scalar function in this process, on rows: for unit tests. */
export function callScalar<A extends ArgDeclarations, R extends TypeDeclaration>(
  definition: ScalarFunction<A, R>,
  rows: readonly Row<A>[],
): ReturnValue<R>[] {
  return rows.map((row) => definition.call(row))
}

/**
 * Runs an aggregate function in this process: for unit tests. With `parts` the rows are cut there, each part
 * gets its own state, the states go through JSON as engines send them, and are merged.
 */
export function callAggregate<A extends ArgDeclarations, R extends TypeDeclaration, S>(
  definition: AggregateFunction<A, R, S>,
  rows: readonly Row<A>[],
  parts: readonly number[] = [],
): ReturnValue<R> {
  const cuts = [0, ...parts, rows.length]
  const states = cuts.slice(1).map((end, i) => {
    const state = rows
      .slice(cuts[i], end)
      .reduce<S>((before, row) => definition.step(before, row), definition.initialize())
    return JSON.parse(JSON.stringify(state)) as S
  })
  return definition.finalize(states.reduce((left, right) => definition.merge(left, right)))
}
