import { describe, expect, it } from 'vitest'
import type { OutputColumn } from '../../../engine/contracts.js'
import { outputFormat } from '../../../engine/server/formats.js'
import { prettyStyle, prettyTables } from '../../../engine/server/pretty.js'

const COLUMNS: OutputColumn[] = [
  { name: 'text', type: 'string', chType: 'String' },
  { name: 'n', type: 'nullable(int32)', chType: 'Nullable(Int32)' },
  { name: 'ok', type: 'bool', chType: 'Bool' },
]
const ROWS = [
  ['a', '100', 'true'],
  ['日本', 'ᴺᵁᴸᴸ', 'false'],
]

async function drawn(format: string, settings: Record<string, string> = {}, rows = ROWS, columns = COLUMNS) {
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`)
  async function* chunks() {
    for (const line of lines) yield Buffer.from(line)
  }
  const given = Object.entries(settings).map(([name, value]) => [`output_format_pretty_${name}`, value])
  const style = prettyStyle(outputFormat(format), Object.fromEntries(given) as Record<string, string>)
  let text = ''
  for await (const table of prettyTables(chunks(), columns, style)) text += table.text
  return text
}

describe('Pretty formats', () => {
  it('draw a grid, with names in bold', async () => {
    expect(await drawn('PrettyNoEscapes')).toBe(
      [
        '┏━━━━━━┳━━━━━━┳━━━━━━━┓',
        '┃ text ┃    n ┃ ok    ┃',
        '┡━━━━━━╇━━━━━━╇━━━━━━━┩',
        '│ a    │  100 │ true  │',
        '├──────┼──────┼───────┤',
        '│ 日本 │ ᴺᵁᴸᴸ │ false │',
        '└──────┴──────┴───────┘\n',
      ].join('\n'),
    )
    expect((await drawn('Pretty')).split('\n')[1]).toBe(
      '┃ \x1b[1mtext\x1b[0m ┃ \x1b[1m   n\x1b[0m ┃ \x1b[1mok   \x1b[0m ┃',
    )
  })

  it('draw a compact table, of other characters where asked', async () => {
    const compact = ['┌─text─┬────n─┬─ok────┐', '│ a    │  100 │ true  │', '│ 日本 │ ᴺᵁᴸᴸ │ false │']
    expect(await drawn('PrettyCompactNoEscapes')).toBe(`${compact.join('\n')}\n└──────┴──────┴───────┘\n`)
    const settings = { grid_charset: 'ASCII', color: '0', row_numbers: '1' }
    expect(await drawn('PrettyCompact', settings)).toBe(
      [
        '   +-text-+----n-+-ok----+',
        '1. | a    |  100 | true  |',
        '2. | 日本 | ᴺᵁᴸᴸ | false |',
        '   +------+------+-------+\n',
      ].join('\n'),
    )
  })

  it('draw columns apart by blanks', async () => {
    expect(await drawn('PrettySpaceNoEscapes')).toBe(
      [' text      n   ok   ', '', ' a       100   true  ', ' 日本   ᴺᵁᴸᴸ   false \n'].join('\n'),
    )
  })

  it('count a tab up to its stop, cut what is too wide, and stop at so many rows', async () => {
    const one = [COLUMNS[0]!]
    expect(await drawn('PrettyCompactNoEscapes', {}, [['x\ty']], one)).toBe(
      '┌─text────┐\n│ x\ty │\n└─────────┘\n',
    )
    expect(await drawn('PrettyCompactNoEscapes', { max_value_width: '3' }, [['abcdef']], one)).toBe(
      '┌─text─┐\n│ abc⋯ │\n└──────┘\n',
    )
    expect(await drawn('PrettyCompactNoEscapes', { max_rows: '1' }, ROWS)).toBe(
      '┌─text─┬───n─┬─ok───┐\n│ a    │ 100 │ true │\n└──────┴─────┴──────┘\n  Showed first 1.\n',
    )
    expect(await drawn('Pretty', {}, [])).toBe('')
  })

  it('begin another table where one would be too much to hold, and are quick about wide text', async () => {
    const wide = '日本'.repeat(1 << 19)
    const text = await drawn('PrettyCompactNoEscapes', {}, [[wide], [wide], [wide]], [COLUMNS[0]!])
    expect(text.split('\n').filter((line) => line.startsWith('┌'))).toHaveLength(3)
    expect(text.split('\n')[1] === `│ ${'日本'.repeat(2500)}⋯│`).toBe(true)
  })
})
