import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expandVariables } from '../../bootstrap/variables.js'

const values: Record<string, string> = { A: '1', EMPTY: '', QUOTED: "it's \\ `x`" }
const expand = (source: string) => expandVariables(source, (name) => values[name])

describe('variables', () => {
  it.each([
    ['SELECT ${A}', 'SELECT 1'],
    ['SELECT ${A}${A}', 'SELECT 11'],
    ['SELECT ${B:-7}', 'SELECT 7'],
    ['SELECT ${B:-}', 'SELECT '],
    ["x IN (${B:-'a', 'b'}) AND y", "x IN ('a', 'b') AND y"],
    ["SELECT '${A}'", "SELECT '1'"],
    ["SELECT '${QUOTED}'", "SELECT 'it\\'s \\\\ `x`'"],
    ['SELECT `${QUOTED}`', "SELECT `it's \\\\ \\`x\\``"],
    ['SELECT ${EMPTY}1', 'SELECT 1'],
    ['SELECT ${EMPTY:-9}', 'SELECT 9'],
    ["SELECT 'a -- ${A}'", "SELECT 'a -- 1'"],
    ["SELECT 'a\\' ${A}', ${A}", "SELECT 'a\\' 1', 1"],
  ])('%s → %s', (source, text) => {
    expect(expand(source)).toMatchObject({ text, missing: [] })
  })

  it.each([
    '-- ${B}\nSELECT 1',
    '/* ${B} */ SELECT 1',
    'AS $$ `${B}` $$',
    'AS $js$ ${B} $$ ${B} $js$',
    '$ {B} $B ${1}',
  ])('leaves alone: %s', (source) => {
    expect(expand(source)).toMatchObject({ text: source, missing: [], used: [] })
  })

  it('tells where each missing one stands', () => {
    expect(expand("SELECT ${B},\n '${C}', ${A}").missing).toEqual([
      { name: 'B', offset: 7 },
      { name: 'C', offset: 15 },
    ])
  })

  it('maps places behind, before and inside values back to the file', () => {
    const source = 'SELECT ${B:-longer} + nope'
    const { text, sourceOffset } = expand(source)
    expect(sourceOffset(text.indexOf('SELECT'))).toBe(0)
    expect(sourceOffset(text.indexOf('onger'))).toBe(source.indexOf('${'))
    expect(sourceOffset(text.indexOf('nope'))).toBe(source.indexOf('nope'))
  })

  it('takes any text, however broken, in one pass and changes none without variables', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("'", '"', '`', '$', '{', '}', '\\', '-', '/', '*', 'a', '\n') }),
        (source) => {
          const { text, used } = expand(source)
          if (used.length === 0) expect(text).toBe(source)
        },
      ),
    )
  })
})
