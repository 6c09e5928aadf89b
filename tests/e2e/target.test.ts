import { expect, it } from 'vitest'
import { onState, writeProject } from './support.js'

const CONFIG = `import { defineConfig } from 'tpctl'
export default defineConfig({
  name: 'small',
  targets: {
    embedded: { edition: 'embedded' },
    far: { edition: 'enterprise', url: 'http://127.0.0.1:9', streamUrl: 'http://127.0.0.1:9', brokers: '127.0.0.1:9' },
  },
})
`

it('targets are listed, chosen and checked', async () => {
  const { tpctl, json } = onState(
    writeProject({ 'tpctl.config.ts': CONFIG, 'sql/s.sql': 'CREATE STREAM s (x int32)' }),
  )
  const current = async () => {
    const { targets } = await json<{ targets: { name: string; current: boolean }[] }>(['target', 'list'])
    return targets.filter((target) => target.current).map(({ name }) => name)
  }
  expect(await tpctl(['target', 'use', 'fra'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("'far'"),
  })
  expect(await tpctl(['target', 'use', 'far'])).toMatchObject({ code: 0 })
  expect(await current()).toEqual(['far'])
  const checked = await tpctl(['target', 'check'])
  expect(checked).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/far[\s\S]*does not answer[\s\S]*No Kafka broker/),
  })
  expect(await tpctl(['target', 'use'])).toMatchObject({ code: 0 })
  expect(await current()).toEqual(['embedded'])
})
