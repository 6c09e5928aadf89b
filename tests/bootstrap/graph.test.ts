import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dependencyOrder, dependents, nearestName } from '../../bootstrap/graph.js'

describe('dependency order', () => {
  it('everything stands after what it needs, for any graph without circles', () => {
    const graphs = fc
      .array(fc.array(fc.nat(), { maxLength: 4 }), { maxLength: 30 })
      .map(
        (needs) =>
          new Map(needs.map((own, i) => [`n${i}`, i === 0 ? [] : own.map((n) => `n${n % i}`)] as const)),
      )
    fc.assert(
      fc.property(graphs, (graph) => {
        const result = dependencyOrder(graph)
        if ('cycle' in result) throw new Error('no circle here')
        expect([...result.order].sort()).toEqual([...graph.keys()].sort())
        for (const [name, needs] of graph)
          for (const need of needs)
            expect(result.order.indexOf(need)).toBeLessThan(result.order.indexOf(name))
      }),
    )
  })

  it('tells the path of a circle, without the way into it', () => {
    const graph = new Map([
      ['in', ['a']],
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a']],
    ])
    expect(dependencyOrder(graph)).toEqual({ cycle: ['a', 'b', 'c', 'a'] })
  })

  it('takes a chain far longer than the call stack', () => {
    const graph = new Map(
      Array.from({ length: 50_000 }, (_, i) => [`n${i}`, i === 49_999 ? [] : [`n${i + 1}`]] as const),
    )
    const result = dependencyOrder(graph)
    expect('order' in result && result.order[0]).toBe('n49999')
  })

  it('finds everything that stands on a name, through others', () => {
    const graph = new Map([
      ['a', []],
      ['b', ['a']],
      ['c', ['b']],
      ['d', []],
    ])
    expect([...dependents(graph, ['a'])].sort()).toEqual(['b', 'c'])
  })
})

describe('nearest name', () => {
  it.each([
    ['trendin', 'trending'],
    ['Trending', 'trending'],
    ['tokn', 'token'],
    ['zzz', undefined],
  ])('%s → %s', (typed, meant) => {
    expect(nearestName(typed, ['trending', 'token', 'signals_5m'])).toBe(meant)
  })
})
