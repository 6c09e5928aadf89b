import { describe, expect, it } from 'vitest'
import { validateConfig } from '../../bootstrap/config.js'
import { loadConfig } from '../../bootstrap/config_loader.js'
import { loadProject } from '../../bootstrap/project.js'
import { resolveTarget } from '../../bootstrap/target.js'
import { projectFolder } from './project_folder.js'

function valid(value: unknown) {
  const result = validateConfig(value)
  if ('problems' in result) throw new Error(result.problems.join())
  return result.config
}

describe('config', () => {
  it('loads TypeScript with imports of its own files and of tpctl', async () => {
    const dir = await projectFolder({
      'tpctl.config.ts': `import { defineConfig } from 'tpctl'
import { NAME } from './name.js'
export default defineConfig({ name: NAME satisfies string, targets: { there: { edition: 'oss-1.6' } } })`,
      'name.ts': `export const NAME: string = 'typed'`,
    })
    const { config } = await loadConfig(dir)
    expect(config.name).toBe('typed')
    expect(config.targets.there).toMatchObject({ edition: 'oss-1.6', url: 'http://127.0.0.1:8123' })
    expect(config.targets.embedded).toMatchObject({ edition: 'embedded' })
  })

  it.each([
    ['no config at all', {}, 'CONFIG_MISSING'],
    ['a syntax error', { 'tpctl.config.ts': 'export default {' }, 'CONFIG_LOAD'],
    ['an error at load', { 'tpctl.config.ts': `throw new Error('no')` }, 'CONFIG_LOAD'],
    ['no default export', { 'tpctl.config.ts': 'export const a = 1' }, 'CONFIG_INVALID'],
    [
      'a key that means nothing',
      { 'tpctl.config.ts': `export default { name: 'x', tarets: {} }` },
      'CONFIG_INVALID',
    ],
    [
      'an edition that does not exist',
      { 'tpctl.config.ts': `export default { name: 'x', targets: { a: { edition: 'oss-2' } } }` },
      'CONFIG_INVALID',
    ],
    [
      'a default target that is none',
      { 'tpctl.config.ts': `export default { name: 'x', target: 'y' }` },
      'CONFIG_INVALID',
    ],
  ])('%s', async (_what, files, code) => {
    const dir = await projectFolder(files)
    if (!('tpctl.config.ts' in files)) await (await import('node:fs/promises')).rm(`${dir}/tpctl.config.ts`)
    await expect(loadConfig(dir)).rejects.toMatchObject({ code })
  })

  it('says which field is wrong', () => {
    const result = validateConfig({ name: 'x', targets: { a: { edition: 'embedded', url: 'ftp://x' } } })
    expect(result).toMatchObject({ problems: [expect.stringMatching(/^targets\.a\.url: /)] })
  })
})

describe('targets', () => {
  const config = valid({
    name: 'x',
    target: 'a',
    targets: {
      a: { edition: 'oss-1.6', brokers: 'outside:1', engineBrokers: 'inside:2', passwordVariable: 'PW' },
    },
  })

  it('environment over config, overrides over both', () => {
    expect(resolveTarget(config, undefined, {})).toMatchObject({
      name: 'a',
      brokers: 'outside:1',
      engineBrokers: 'inside:2',
    })
    const env = { TPCTL_URL: 'http://e:1', TPCTL_USERNAME: 'u', PW: 'secret' }
    expect(resolveTarget(config, undefined, env)).toMatchObject({
      url: 'http://e:1',
      username: 'u',
      password: 'secret',
    })
    expect(resolveTarget(config, undefined, env, { url: 'http://f:1' }).url).toBe('http://f:1')
  })

  it('brokers that move, move for the engine too, unless the config tells them apart', () => {
    expect(resolveTarget(config, 'embedded', { TPCTL_BROKERS: 'm:3' }).engineBrokers).toBe('m:3')
    expect(resolveTarget(config, 'a', { TPCTL_BROKERS: 'm:3' })).toMatchObject({
      brokers: 'm:3',
      engineBrokers: 'inside:2',
    })
  })

  it('an unknown target: which there are, and which was probably meant', () => {
    expect(() => resolveTarget(config, 'embeded', {})).toThrowError(
      expect.objectContaining({ code: 'TARGET_UNKNOWN', suggestion: "Did you mean 'embedded'?" }),
    )
  })
})

describe('functions of a project', () => {
  it('are found in arrays and exports, and rendered from their own file', async () => {
    const dir = await projectFolder({
      'tpctl.config.ts': `export default { name: 'x', udfs: 'udfs/all.ts' }`,
      'udfs/all.ts': `export { twice } from './twice.js'`,
      'udfs/twice.ts': `import { defineScalar } from 'tpctl'
export const twice = defineScalar({ module: import.meta.url, name: 'twice', args: { x: 'int32' }, returns: 'int32', call: ({ x }) => x * 2 })`,
    })
    const { functions } = await loadProject(dir, { env: {} })
    expect(functions).toHaveLength(1)
    expect(functions[0]).toMatchObject({ name: 'twice', source: 'udfs/twice.ts' })
    expect(functions[0]!.sql).toMatch(
      /^CREATE OR REPLACE FUNCTION twice\(x int32\) RETURNS int32 LANGUAGE JAVASCRIPT/,
    )
  })

  it('a module that does not exist', async () => {
    const dir = await projectFolder({ 'tpctl.config.ts': `export default { name: 'x', udfs: 'nope.ts' }` })
    await expect(loadProject(dir, { env: {} })).rejects.toMatchObject({ code: 'UDF_MODULE_MISSING' })
  })
})
