import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildFailure, build, type Message, type Plugin } from 'esbuild'
import { UserError } from '../../dialect/user_error.js'
import type { AggregateFunction, ScalarFunction } from './define.js'

type EngineFunction = ScalarFunction | AggregateFunction

/** Globals of Node and of browsers that an engine's V8 does not have. */
const FORBIDDEN = [
  'fetch',
  'require',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process',
  'Buffer',
  'XMLHttpRequest',
  'WebSocket',
  'URL',
  'URLSearchParams',
  'TextEncoder',
  'TextDecoder',
  'crypto',
  'performance',
  'structuredClone',
  'WebAssembly',
  'window',
  'document',
]
const MARK = '__not_in_the_engine_'

/**
 * The code of one function for the engine: a script whose value is the definition. Everything the module
 * imports is in it. Throws `UDF_NOT_PORTABLE` where the code needs what the engine's V8 lacks.
 */
export async function bundleDefinition(definition: EngineFunction): Promise<string> {
  const file = moduleFile(definition)
  const where = basename(file)
  const entry = `
    import * as exported from ${JSON.stringify(file)}
    export const definition = Object.values(exported).find((value) => value && value.name === ${JSON.stringify(definition.name)})
  `
  const code = await runBuild(entry, file, where)
  if (code.includes('$$')) {
    throw notPortable(
      where,
      'the code holds `$$`, which ends a function’s source in SQL',
      'Write it as "$" + "$".',
    )
  }
  return code
}

function moduleFile(definition: EngineFunction): string {
  if (!definition.module?.startsWith('file:')) {
    throw new UserError(
      'UDF_NO_MODULE',
      `Function '${definition.name}' does not say which file defines it.`,
      {
        suggestion: 'Write `module: import.meta.url` in its definition.',
      },
    )
  }
  return fileURLToPath(definition.module)
}

async function runBuild(entry: string, file: string, where: string): Promise<string> {
  const defines = Object.fromEntries(
    FORBIDDEN.flatMap((name) => [
      [name, `${MARK}${name}`],
      [`globalThis.${name}`, `${MARK}${name}`],
    ]),
  )
  let text: string
  try {
    const result = await build({
      stdin: { contents: entry, resolveDir: dirname(file), loader: 'ts', sourcefile: 'entry.ts' },
      // Nothing of the machine or the folder it was called from may show in the statement: it is hashed.
      absWorkingDir: dirname(file),
      bundle: true,
      write: false,
      platform: 'neutral',
      format: 'iife',
      globalName: '__bundle',
      target: 'es2020',
      // Lowered, so that a helper in the output tells of it.
      supported: { 'async-await': false },
      define: { ...defines, 'import.meta.url': '""' },
      plugins: [definitionsOnly],
      // The same statement however the source is formatted: deployments compare it.
      minifyWhitespace: true,
      legalComments: 'none',
      charset: 'ascii',
      logLevel: 'silent',
    })
    text = result.outputFiles[0]!.text
  } catch (error) {
    throw buildError(error as BuildFailure, where)
  }
  const found = new RegExp(`${MARK}(\\w+)`).exec(text)
  if (found) {
    throw notPortable(
      where,
      `it uses \`${found[1]}\``,
      'JavaScript in the engine is ECMAScript only: no network, files or timers. What calls a service belongs in defineRemote.',
    )
  }
  if (/\b__async\b|\b__asyncGenerator\b|\b__forAwait\b/.test(text)) {
    throw notPortable(
      where,
      'it has async code',
      'The engine takes an array as the answer, not a promise: make it synchronous, or use defineRemote.',
    )
  }
  if (/\bimport\(/.test(text)) {
    throw notPortable(where, 'it imports at run time', 'Import at the top of the file: then it is bundled.')
  }
  return text
}

/** A module that imports the whole kit gets the part of it that can run in an engine. */
const definitionsOnly: Plugin = {
  name: 'definitions-only',
  setup(setup) {
    const define = fileURLToPath(new URL('./define.js', import.meta.url))
    const here = dirname(define)
    const source = import.meta.url.endsWith('.ts') ? define.replace(/\.js$/, '.ts') : define
    setup.onResolve({ filter: /^tpctl(\/udfs?)?$/ }, () => ({ path: source }))
    setup.onResolve({ filter: /^\..*index(\.[jt]s)?$/ }, (args) =>
      dirname(join(args.resolveDir, args.path)) === here ? { path: source } : undefined,
    )
  },
}

function buildError(failure: BuildFailure, where: string): Error {
  const first: Message | undefined = failure.errors?.[0]
  if (!first) return failure
  const place = first.location
    ? `${first.location.file}:${first.location.line}:${first.location.column + 1}`
    : where
  if (first.text.startsWith('Could not resolve')) {
    return new UserError('UDF_NOT_PORTABLE', `A function cannot run in the engine: ${first.text}.`, {
      where: place,
      detail: first.location?.lineText,
      suggestion: 'Import only code without Node’s modules; what needs them belongs in defineRemote.',
      cause: failure,
    })
  }
  return new UserError('UDF_SYNTAX', `A function does not compile: ${first.text}.`, {
    where: place,
    detail: first.location?.lineText,
    cause: failure,
  })
}

function notPortable(where: string, why: string, suggestion: string): UserError {
  return new UserError('UDF_NOT_PORTABLE', `A function cannot run in the engine: ${why}.`, {
    where,
    suggestion,
  })
}
