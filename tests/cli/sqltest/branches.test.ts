import { describe, expect, it } from 'vitest'
import { branchProbes } from '../../../cli/sqltest/branches.js'
import { isAggregateFunction, parseQuery, printQuery } from '../../../dialect/index.js'

const probes = (sql: string) => branchProbes(parseQuery(sql), isAggregateFunction)
const ids = (sql: string) => probes(sql).flatMap(({ branches }) => branches.map(({ id }) => id))
const queries = (sql: string) => probes(sql).map(({ query }) => printQuery(query))

describe('branches of a query', () => {
  it('are those of if, multi_if and CASE', () => {
    expect(ids('SELECT if(a, 1, 2) FROM s')).toEqual(['1.1', '1.2'])
    expect(ids('SELECT multi_if(a, 1, b, 2, 3) FROM s')).toEqual(['1.1', '1.2', '1.3'])
    expect(ids('SELECT CASE WHEN a THEN 1 END FROM s')).toEqual(['1.1', '1.2'])
    expect(ids("SELECT CASE x WHEN 'p' THEN 1 WHEN 'q' THEN 2 ELSE 3 END FROM s")).toHaveLength(3)
    expect(ids('SELECT a FROM s')).toEqual([])
  })

  it('stand where they stand in the text', () => {
    const sql = 'SELECT if(a, 11, 22) FROM s'
    const [probe] = probes(sql)
    expect(probe!.branches.map(({ offset }) => sql.slice(offset, offset! + 2))).toEqual(['11', '22'])
  })

  it('are watched by the same query with conditions that answer with their branch', () => {
    expect(queries('SELECT b, if(a > 1, b, c) AS x FROM s WHERE d')).toEqual([
      "SELECT multi_if(a > 1, ['1.1'], ['1.2']) AS taken FROM s WHERE d",
    ])
  })

  it('inside a branch count only where the branch is taken', () => {
    expect(queries('SELECT if(a, if(b, 1, 2), 3) FROM s')).toEqual([
      "SELECT multi_if(a, array_concat(['1.1'], multi_if(b, ['2.1'], ['2.2'])), ['1.2']) AS taken FROM s",
    ])
  })

  it('in the argument of an aggregate are of rows, on an aggregate they are of groups', () => {
    expect(queries('SELECT k, sum(if(a, 1, 0)) FROM s GROUP BY k EMIT ON UPDATE')).toEqual([
      "SELECT multi_if(a, ['1.1'], ['1.2']) AS taken FROM s",
    ])
    const [grouped] = queries('SELECT k, if(count() > 5, 1, 0) FROM s GROUP BY k EMIT ON UPDATE')
    expect(grouped).toContain('GROUP BY k')
    expect(grouped).toContain('EMIT ON UPDATE')
  })

  it('are found in subqueries, not in lambdas', () => {
    expect(queries('SELECT x FROM (SELECT if(a, 1, 2) AS x FROM s)')).toEqual([
      "SELECT multi_if(a, ['1.1'], ['1.2']) AS taken FROM s",
    ])
    expect(ids('SELECT array_map(v -> if(v > 1, 1, 0), list) FROM s')).toEqual([])
  })
})
