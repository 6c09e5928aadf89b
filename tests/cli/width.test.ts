import { expect, it } from 'vitest'
import { renderTable } from '../../cli/table.js'
import { widthOf } from '../../cli/width.js'

it('counts columns of a terminal, also of texts that are long', () => {
  expect(widthOf('日本 é')).toBe(6)
  expect(widthOf('日'.repeat(300_000))).toBe(600_000)
  const table = renderTable([{ title: 'text' }], [['x'.repeat(300_000)]])
  expect(table.split('\n').at(-1)).toBe(`${'x'.repeat(59)}…`)
})
