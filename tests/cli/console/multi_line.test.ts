import { expect, it } from 'vitest'
import { TableWriter } from '../../../cli/console/table_writer.js'

it('prints a text of several lines as it is, without control characters', async () => {
  let out = ''
  const writer = new TableWriter([{ name: 'statement', type: 'string' }], async (text) => {
    out += text
  })
  await writer.row(['CREATE STREAM s\n(\n  `a` int32\u001b[31m\n)'])
  await writer.flush()
  expect(out).toBe('statement\n─────────\nCREATE STREAM s\n(\n  `a` int32\\x1b[31m\n)\n')
})
