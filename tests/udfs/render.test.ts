import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import vm from 'node:vm'
import { describe, expect, expectTypeOf, it } from 'vitest'
import udfs, { birdeyeTokenSecurity, tokenRiskScore } from '../../udfs/index.js'
import {
  callAggregate,
  callScalar,
  defineScalar,
  renderFunction,
  type UdfDefinition,
} from '../../udfs/runtime/index.js'
import { missing, nullable, plain, second, several } from './fixtures/functions.js'
import harmlessNames from './fixtures/harmless_names.js'
import usesAsync from './fixtures/uses_async.js'
import usesDollars from './fixtures/uses_dollars.js'
import usesFetch from './fixtures/uses_fetch.js'
import usesGlobalFetch from './fixtures/uses_global_fetch.js'
import usesImport from './fixtures/uses_import.js'
import usesNode from './fixtures/uses_node.js'
import usesTimer from './fixtures/uses_timer.js'

/** What stands between the dollars. */
function sourceOf(sql: string): string {
  const match = /AS \$\$\n([\s\S]*)\n\$\$$/.exec(sql)
  if (!match) throw new Error(`no source in ${sql}`)
  return match[1]!
}

/** Evaluates a source as Proton does, in a context without anything of Node. */
function evaluate(name: string, source: string, aggregate = false): unknown {
  const context = vm.createContext({})
  vm.runInContext(aggregate ? `var ${name}=${source};` : source, context)
  return (context as Record<string, unknown>)[name]
}

interface ProtonAggregate {
  initialize(): void
  process(...columns: unknown[][]): void
  finalize(): unknown
  serialize(): string
  deserialize(text: string): void
  merge(text: string): void
}

describe('declared types', () => {
  it('become TypeScript types', () => {
    expectTypeOf(several.call).parameter(0).toEqualTypeOf<{ a: number; at: Date; tags: string[] }>()
    expectTypeOf(several.call).returns.toEqualTypeOf<{
      doubled: number | bigint
      day: string
      tags: string[]
    }>()
    expectTypeOf(nullable.call).parameter(0).toEqualTypeOf<{ a: number | null }>()
    expectTypeOf(tokenRiskScore.call).returns.toEqualTypeOf<string>()
  })

  it('are written as Proton writes them', async () => {
    expect((await renderFunction(several, 'embedded')).split('\n')[0]).toBe(
      "CREATE OR REPLACE FUNCTION several(a int32, at datetime64(3, 'UTC'), tags array(string)) RETURNS tuple(doubled int64, day string, tags array(string)) LANGUAGE JAVASCRIPT AS $$",
    )
  })

  it('are refused where JavaScript has no such value', async () => {
    const uuid = defineScalar({ ...plain, args: { a: 'uuid' }, call: () => 'x' }) as UdfDefinition
    await expect(renderFunction(uuid, 'embedded')).rejects.toMatchObject({ code: 'UDF_INVALID' })
    const injected = defineScalar({
      ...plain,
      returns: 'string AS $$ x $$; DROP STREAM t',
      call: () => 'x' as never,
    }) as UdfDefinition
    await expect(renderFunction(injected, 'embedded')).rejects.toMatchObject({ code: 'UDF_INVALID' })
  })

  it('of 1.6 are fewer', async () => {
    await expect(renderFunction(nullable, 'oss-1.6')).rejects.toMatchObject({ code: 'UDF_NOT_PORTABLE' })
    await expect(renderFunction(nullable, 'oss-3')).resolves.toContain('nullable(int32)')
    const day = defineScalar({ ...plain, returns: 'date', call: () => new Date() }) as UdfDefinition
    await expect(renderFunction(day, 'oss-1.6')).rejects.toMatchObject({ code: 'UDF_NOT_PORTABLE' })
  })
})

describe('a scalar function', () => {
  it('runs in Node as it is', () => {
    expect(callScalar(plain, [{ a: 'x' }, { a: 'é' }])).toEqual(['X', 'É'])
  })

  it('becomes a function of whole columns', async () => {
    const call = evaluate('several', sourceOf(await renderFunction(several, 'oss-1.6'))) as (
      ...columns: unknown[][]
    ) => unknown[]
    const results = call([1, 2], [new Date(0), new Date(86_400_000)], [['b', 'a'], []])
    expect(JSON.stringify(results, (_, value) => (typeof value === 'bigint' ? Number(value) : value))).toBe(
      '[{"doubled":2,"day":"1970-01-01","tags":["a","b"]},{"doubled":4,"day":"1970-01-02","tags":[]}]',
    )
  })

  it('renders to the same text from wherever it is called', async () => {
    const here = process.cwd()
    const first = await renderFunction(tokenRiskScore, 'enterprise')
    try {
      process.chdir('/')
      expect(await renderFunction(tokenRiskScore, 'enterprise')).toBe(first)
    } finally {
      process.chdir(here)
    }
    expect(first).not.toContain(here)
  })
})

it('comments and formatting do not change the statement', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'render-'))
  try {
    const render = async (version: string, code: string) => {
      await mkdir(join(dir, version))
      const file = join(dir, version, 'trim_it.ts')
      await writeFile(file, code)
      const module = pathToFileURL(file).href
      const definition = defineScalar({ ...plain, module, name: 'trim_it', call: ({ a }) => a.trim() })
      return renderFunction(definition, 'embedded')
    }
    const tight = await render(
      'tight',
      "export const f = { name: 'trim_it', call: ({ a }: { a: string }) => a.trim() }",
    )
    const loose = await render(
      'loose',
      "// about it\nexport const f = {\n  name: 'trim_it', /* its name */\n\n  call: ({ a }: { a: string }) =>\n    a.trim(),\n}\n",
    )
    expect(loose).toBe(tight)
    const other = await render(
      'other',
      "export const f = { name: 'trim_it', call: ({ a }: { a: string }) => a.trimEnd() }",
    )
    expect(other).not.toBe(tight)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

describe('an aggregate function', () => {
  it('merges the states of parts', () => {
    const rows = [5, 1, 4, 9, 2].map((value) => ({ value }))
    expect(callAggregate(second, rows)).toBe(5)
    expect(callAggregate(second, rows, [1, 3])).toBe(5)
    expect(callAggregate(second, [])).toBe(0)
  })

  it('becomes an object of functions whose state survives as text', async () => {
    const source = sourceOf(await renderFunction(second, 'oss-1.6'))
    const make = () => {
      const object = evaluate('second_largest', source, true) as ProtonAggregate
      expect(Object.values(object).every((member) => typeof member === 'function')).toBe(true)
      object.initialize()
      return object
    }
    const left = make()
    left.process([5, 1])
    const right = make()
    right.process([4, 9, 2])
    const revived = make()
    revived.deserialize(right.serialize())
    revived.merge(left.serialize())
    expect(revived.finalize()).toBe(5)
  })
})

describe('a remote function', () => {
  it('points to the gateway', async () => {
    expect(
      await renderFunction(birdeyeTokenSecurity, 'oss-1.6', {
        gatewayUrl: 'http://127.0.0.1:9100/',
        authKey: "it's",
      }),
    ).toBe(
      "CREATE OR REPLACE REMOTE FUNCTION birdeye_token_security(address string) RETURNS string URL 'http://127.0.0.1:9100/birdeye_token_security' AUTH_METHOD 'auth_header' AUTH_HEADER 'x-udf-key' AUTH_KEY 'it\\'s' EXECUTION_TIMEOUT 10000",
    )
    expect(await renderFunction(birdeyeTokenSecurity, 'embedded', { gatewayUrl: 'http://g' })).toContain(
      "AUTH_METHOD 'none'",
    )
    await expect(renderFunction(birdeyeTokenSecurity, 'embedded')).rejects.toMatchObject({
      code: 'UDF_NO_GATEWAY',
    })
  })
})

describe('code that cannot run in an engine', () => {
  const cases: [UdfDefinition, string, string][] = [
    [usesFetch, 'UDF_NOT_PORTABLE', '`fetch`'],
    [usesGlobalFetch, 'UDF_NOT_PORTABLE', '`fetch`'],
    [usesTimer, 'UDF_NOT_PORTABLE', '`setTimeout`'],
    [usesAsync, 'UDF_NOT_PORTABLE', 'async'],
    [usesImport, 'UDF_NOT_PORTABLE', 'imports at run time'],
    [usesNode, 'UDF_NOT_PORTABLE', 'node:fs'],
    [usesDollars, 'UDF_NOT_PORTABLE', '`$$`'],
    [missing, 'UDF_NO_MODULE', 'which file'],
  ]
  for (const [definition, code, words] of cases) {
    it(`is refused: ${definition.name}`, async () => {
      const error = await renderFunction(definition, 'embedded').catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code })
      expect((error as Error).message).toContain(words)
    })
  }

  it('is not what merely has such names', async () => {
    const sql = await renderFunction(harmlessNames, 'embedded')
    const call = evaluate('harmless_names', sourceOf(sql)) as (a: string[]) => string[]
    expect(call(['x'])[0]).toBe('a property and a local of that namex')
  })
})

it('all functions of the flagship render for all editions', async () => {
  for (const edition of ['embedded', 'oss-1.6', 'oss-3', 'enterprise'] as const) {
    for (const definition of udfs) {
      const sql = await renderFunction(definition, edition, { gatewayUrl: 'http://127.0.0.1:9100' })
      expect(sql).toContain(`FUNCTION ${definition.name}(`)
    }
  }
})
