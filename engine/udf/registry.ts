import { execFile } from 'node:child_process'
import { chmod, mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { CallTarget, Chdb, FunctionObject, UdfRegistry } from '../contracts.js'
import { EngineError } from '../errors.js'
import { bundleWorker } from './bundle.js'
import { failureError } from './errors.js'
import { writeLaunchers } from './launchers.js'
import { checkFunctionName, storeName } from './names.js'
import { DEFAULT_TIME_LIMIT_MS, heapMb, type ScalarBody, scalarSpec } from './scalar_spec.js'
import { type PublishedFunction, publicationXml, storeConfigXml } from './store_config.js'
import { storeType, valueType } from './types.js'
import { decodeFailure, type FunctionSpec, type ValueType } from './worker/spec.js'

export interface UdfOptions {
  /** A folder of the engine's own; emptied when the registry opens. */
  dir: string
  /** How long one block may take. Default 10 000 ms. */
  timeLimitMs?: number
  /** Heap of one function's process. Default 100 MB, as `javascript_max_memory_bytes`. */
  memoryLimitBytes?: number
  /** Processes per function: how many blocks of one function run at once. Default 2. */
  processes?: number
  /** Further elements of the store's configuration, which is one file. */
  configElements?: string
}

export interface OpenUdfRegistry extends UdfRegistry {
  /** What the store must be started with: `--config-file=…`. */
  readonly connectionArgs: readonly string[]
  /** The store that the functions are published to; before the first `define`. */
  attach(chdb: Pick<Chdb, 'run'>): void
}

const DEFAULT_PROCESSES = 2
/** The store's own limit stands behind the child's, for a child that cannot keep its own. */
const STORE_GRACE_MS = 5000
interface Published {
  target: CallTarget
  files: string[]
}

/**
 * Functions of the catalog as functions of the store. A SQL function is only looked up (the planner inlines
 * it); JavaScript and REMOTE functions become `executable_pool` functions whose processes are Node children.
 *
 * Every definition gets a new version, hence a new name in the store: statements in flight keep the version
 * they were planned with. One previous version is kept for them.
 */
export async function openUdfRegistry(options: UdfOptions): Promise<OpenUdfRegistry> {
  let dir = resolve(options.dir)
  await rm(dir, { recursive: true, force: true })
  // Specs hold the keys of remote functions: nobody else may read here.
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await chmod(dir, 0o700)
  // Children may read this folder only, and that is decided on real paths.
  dir = await realpath(dir)
  for (const folder of ['functions', 'specs', 'scripts']) await mkdir(join(dir, folder))
  await bundleWorker(join(dir, 'scripts'))
  const registry = new Registry(dir, options)
  await registry.prepare()
  return registry
}

class Registry implements OpenUdfRegistry {
  readonly connectionArgs: readonly string[]
  readonly #configElements: string
  readonly #dir: string
  readonly #timeLimitMs: number
  readonly #heapMb: number
  readonly #processes: number
  readonly #current = new Map<string, Published>()
  readonly #previous = new Map<string, Published>()
  #chdb: Pick<Chdb, 'run'> | undefined
  #version = 0
  /** Definitions run one after the other: each ends with a reload. */
  #tail: Promise<unknown> = Promise.resolve()

  constructor(dir: string, options: UdfOptions) {
    this.#dir = dir
    this.#timeLimitMs = options.timeLimitMs ?? DEFAULT_TIME_LIMIT_MS
    this.#heapMb = heapMb(options.memoryLimitBytes)
    this.#processes = options.processes ?? DEFAULT_PROCESSES
    const configFile = join(dir, 'store.xml')
    this.connectionArgs = [`--config-file=${configFile}`]
    this.#configElements =
      storeConfigXml(join(dir, 'scripts'), join(dir, 'functions')) + (options.configElements ?? '')
  }

  async prepare(): Promise<void> {
    await writeFile(join(this.#dir, 'store.xml'), `<clickhouse>\n${this.#configElements}</clickhouse>\n`)
    await writeLaunchers(join(this.#dir, 'scripts'), this.#dir, this.#heapMb)
  }

  attach(chdb: Pick<Chdb, 'run'>): void {
    this.#chdb = chdb
  }

  define(fn: FunctionObject): Promise<void> {
    return this.#inTurn(() => this.#define(fn))
  }

  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const files = [...(this.#current.get(name)?.files ?? []), ...(this.#previous.get(name)?.files ?? [])]
      this.#current.delete(name)
      this.#previous.delete(name)
      if (files.length === 0) return
      await removeFiles(files)
      await this.#reload()
    })
  }

  lookup(name: string): CallTarget | undefined {
    return this.#current.get(name)?.target
  }

  async close(): Promise<void> {
    await this.#tail.catch(() => undefined)
    this.#chdb = undefined
    await rm(this.#dir, { recursive: true, force: true })
  }

  #inTurn<T>(body: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(body, body)
    this.#tail = result.catch(() => undefined)
    return result
  }

  async #define(fn: FunctionObject): Promise<void> {
    const { body, aggregate } = fn.statement
    const name = fn.name.name
    checkFunctionName(name)
    if (body.language === 'sql') {
      if (body.lambda.kind !== 'lambda') {
        throw new EngineError('BAD_ARGUMENTS', `Function '${name}' is not defined by a lambda expression`)
      }
      return this.#replace(name, {
        target: { kind: 'sql', params: body.lambda.params, body: body.lambda.body },
        files: [],
      })
    }
    if (body.language === 'python') {
      throw new EngineError('NOT_IMPLEMENTED', 'Python functions are not supported by the embedded engine')
    }
    if (body.args.length === 0) {
      throw new EngineError('ILLEGAL_TYPE_OF_ARGUMENT', 'Empty input argument is not supported.')
    }
    if (aggregate && body.language === 'remote') {
      throw new EngineError('NOT_IMPLEMENTED', 'Remote aggregate functions are not supported')
    }
    await this.#replace(
      name,
      aggregate ? await this.#publishAggregate(name, body) : await this.#publishScalar(name, body),
    )
  }

  async #replace(name: string, published: Published): Promise<void> {
    const retired = this.#previous.get(name)?.files ?? []
    const current = this.#current.get(name)
    await removeFiles(retired)
    try {
      if (published.files.length > 0 || retired.length > 0) await this.#reload()
    } catch (error) {
      await removeFiles(published.files)
      throw error
    }
    if (current) this.#previous.set(name, current)
    this.#current.set(name, published)
  }

  async #publishScalar(name: string, body: ScalarBody): Promise<Published> {
    const version = ++this.#version
    const spec = scalarSpec(name, body, this.#timeLimitMs)
    const chName = storeName(name, version)
    const specPath = await this.#writeSpec(chName, spec)
    if (spec.body.kind === 'scalar') await this.#check(specPath)
    const limitMs = spec.body.kind === 'remote' ? spec.body.timeoutMs : this.#timeLimitMs
    return {
      target: { kind: 'scalar', chName, argTypes: body.args.map((arg) => arg.type), returns: body.returns },
      files: [
        specPath,
        await this.#publish(chName, {
          name: chName,
          args: spec.args.map((arg) => ({ name: arg.name, type: storeType(arg.type) })),
          returns: storeType(spec.returns),
          launcher: spec.body.kind === 'remote' ? 'remote' : 'javascript',
          readTimeoutMs: limitMs + STORE_GRACE_MS,
          processes: this.#processes,
        }),
      ],
    }
  }

  /**
   * `<name>_v<n>`         (array(tuple(args…))) → result: what the planner calls
   * `<name>_v<n>_delta`   the same over array(tuple(args…, _tp_delta int8)), for changelogs
   * `<name>_v<n>_step`    (state string, array(tuple(args…))) → state, `_finish` (state) → result: where the
   *                       object can serialise itself, for states that must not grow with the rows
   * With a custom emit each row also has the number of the batch that it came with, and the result is the array of what
   * the last batch made the object emit.
   */
  async #publishAggregate(name: string, body: ScalarBody): Promise<Published> {
    if (body.language === 'remote') throw new EngineError('NOT_IMPLEMENTED', 'Remote aggregate functions')
    const version = ++this.#version
    const args = body.args.map((arg) => ({ name: arg.name, type: valueType(arg.type) }))
    const returns = valueType(body.returns)
    const files: string[] = []
    const specOf = (
      operation: 'final' | 'step' | 'finish',
      delta: boolean,
      customEmit: boolean,
    ): FunctionSpec => ({
      name,
      args,
      returns,
      body: {
        kind: 'aggregate',
        source: body.source,
        timeLimitMs: this.#timeLimitMs,
        operation,
        delta,
        customEmit,
      },
    })

    const probe = await this.#writeSpec(storeName(name, version, '_check'), specOf('final', false, false))
    const traits = await this.#check(probe)
    await removeFiles([probe])

    const state = { name: 'state', type: 'String' }
    const rows = (delta: boolean) => ({
      name: 'rows',
      type: `Array(Tuple(${[...args.map((arg) => storeType(arg.type)), ...(delta ? ['Int8'] : []), ...(traits.customEmit ? ['UInt64'] : [])].join(', ')}))`,
    })
    const resultType: ValueType = traits.customEmit ? { kind: 'array', of: returns } : returns
    const result = storeType(resultType)
    const add = async (
      part: string,
      spec: FunctionSpec,
      signature: { args: { name: string; type: string }[]; returns: string },
    ) => {
      const chName = storeName(name, version, part)
      const specPath = await this.#writeSpec(chName, spec)
      files.push(specPath)
      files.push(
        await this.#publish(chName, {
          name: chName,
          ...signature,
          launcher: 'javascript',
          readTimeoutMs: this.#timeLimitMs + STORE_GRACE_MS,
          processes: this.#processes,
        }),
      )
    }
    const { customEmit } = traits
    await add('', specOf('final', false, customEmit), { args: [rows(false)], returns: result })
    await add('_delta', specOf('final', true, customEmit), { args: [rows(true)], returns: result })
    if (traits.resumable) {
      await add('_step', specOf('step', false, customEmit), { args: [state, rows(false)], returns: 'String' })
      await add('_step_delta', specOf('step', true, customEmit), {
        args: [state, rows(true)],
        returns: 'String',
      })
      await add('_finish', specOf('finish', false, customEmit), { args: [state], returns: result })
    }
    return {
      target: {
        kind: 'aggregate',
        finalName: storeName(name, version),
        argTypes: body.args.map((arg) => arg.type),
        returns: body.returns,
        customEmit,
      },
      files,
    }
  }

  async #writeSpec(chName: string, spec: FunctionSpec): Promise<string> {
    const path = join(this.#dir, 'specs', `${chName}.json`)
    await writeFile(path, JSON.stringify(spec), { mode: 0o600 })
    return path
  }

  /** Published under another name first: the store never reads half a file. */
  async #publish(chName: string, fn: PublishedFunction): Promise<string> {
    const path = join(this.#dir, 'functions', `${chName}.xml`)
    await writeFile(`${path}.new`, publicationXml(fn))
    await rename(`${path}.new`, path)
    return path
  }

  /** Compiles the source in a child, with the same walls as when it runs; throws 2530. */
  async #check(specPath: string): Promise<{ customEmit: boolean; resumable: boolean }> {
    try {
      const { stdout } = await promisify(execFile)(
        join(this.#dir, 'scripts', 'javascript'),
        [basename(specPath, '.json'), '--check'],
        {
          timeout: this.#timeLimitMs,
          killSignal: 'SIGKILL',
        },
      )
      return { customEmit: false, resumable: false, ...(JSON.parse(stdout) as object) }
    } catch (error) {
      await removeFiles([specPath])
      const stderr = (error as { stderr?: string }).stderr ?? ''
      const failure = decodeFailure(stderr)
      if (failure) throw failureError(failure)
      throw new EngineError(
        'UDF_COMPILE_ERROR',
        `the JavaScript UDF could not be compiled: ${stderr.slice(0, 300) || String(error)}`,
        { cause: error },
      )
    }
  }

  async #reload(): Promise<void> {
    if (!this.#chdb)
      throw new EngineError('LOGICAL_ERROR', 'Functions were defined before the store was open')
    await this.#chdb.run('SYSTEM RELOAD FUNCTIONS', { format: 'Null' })
  }
}

async function removeFiles(paths: string[]): Promise<void> {
  for (const path of paths) await rm(path, { force: true })
}
