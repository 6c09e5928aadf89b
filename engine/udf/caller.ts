import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, realpath, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CreateFunction } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import { bundleWorker } from './bundle.js'
import { failureError, udfError } from './errors.js'
import { writeLaunchers } from './launchers.js'
import { DEFAULT_TIME_LIMIT_MS, heapMb, scalarSpec } from './scalar_spec.js'
import { type Input, makeReader } from './worker/decode.js'
import { makeWriter, ValueError } from './worker/encode.js'
import { GrowingOutput, viewOf } from './worker/growing.js'
import { fromJsonValue, toJsonValue } from './worker/json.js'
import { decodeFailure, type FunctionSpec, type ValueType } from './worker/spec.js'

/** A function of rows, called without a store. */
export interface FunctionCaller {
  /** Columns of its arguments. */
  readonly arity: number
  /** One block of rows, values as Proton's JSON formats have them; one result a row, in the same spelling. Errors: EngineError. */
  call(rows: readonly (readonly unknown[])[]): Promise<unknown[]>
  close(): Promise<void>
}

export interface CallerOptions {
  /** A folder of the caller's own; emptied when it opens, gone when it closes. */
  dir: string
  timeLimitMs?: number
}

/** What a child may take beyond its own limit until it is ended from here. */
const GRACE_MS = 5_000
const MAX_STDERR = 64 * 1024

/**
 * Calls a JavaScript or remote function as the embedded engine does: the same child behind the same walls, the same
 * values, limits and errors. Errors: NOT_IMPLEMENTED (48) for types that cannot cross, BAD_ARGUMENTS (36).
 */
export async function openCaller(statement: CreateFunction, options: CallerOptions): Promise<FunctionCaller> {
  const { body } = statement
  if (body.language === 'sql' || body.language === 'python' || statement.aggregate)
    throw new EngineError(
      'NOT_IMPLEMENTED',
      `${statement.name.name} is no JavaScript or remote function of rows`,
    )
  const spec = scalarSpec(statement.name.name, body, options.timeLimitMs ?? DEFAULT_TIME_LIMIT_MS)
  await rm(options.dir, { recursive: true, force: true })
  // The spec may hold the key of a remote function: nobody else may read here.
  await mkdir(options.dir, { recursive: true, mode: 0o700 })
  await chmod(options.dir, 0o700)
  const dir = await realpath(options.dir)
  for (const folder of ['specs', 'scripts']) await mkdir(join(dir, folder))
  await bundleWorker(join(dir, 'scripts'))
  await writeLaunchers(join(dir, 'scripts'), dir, heapMb())
  await writeFile(join(dir, 'specs', 'function.json'), JSON.stringify(spec), { mode: 0o600 })
  return new Caller(dir, spec)
}

class Caller implements FunctionCaller {
  readonly arity: number
  readonly #writers
  readonly #read
  readonly #limitMs: number
  #child: ChildProcessWithoutNullStreams | undefined

  constructor(
    readonly dir: string,
    readonly spec: FunctionSpec,
  ) {
    this.arity = spec.args.length
    this.#writers = spec.args.map(({ type }) => makeWriter(type))
    this.#read = makeReader(spec.returns, true)
    this.#limitMs = spec.body.kind === 'remote' ? spec.body.timeoutMs : spec.body.timeLimitMs
  }

  async call(rows: readonly (readonly unknown[])[]): Promise<unknown[]> {
    const block = this.#block(rows)
    const child = this.#running()
    const stopped = new AbortController()
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#limitMs + GRACE_MS)
    let stderr = ''
    const onError = (text: Buffer) => {
      stderr = (stderr + text.toString('utf8')).slice(-MAX_STDERR)
    }
    child.stderr.on('data', onError)
    const ended = once(child, 'close', { signal: stopped.signal }).then(() => {
      this.#child = undefined
      throw this.#failure(stderr)
    })
    ended.catch(() => {})
    try {
      // A child that is gone says why on stderr, not here.
      child.stdin.write(`${rows.length}\n`, () => {})
      child.stdin.write(block.bytes(), () => {})
      return await Promise.race([this.#results(child, rows.length, stopped.signal), ended])
    } catch (error) {
      child.kill('SIGKILL')
      this.#child = undefined
      throw error
    } finally {
      clearTimeout(timer)
      stopped.abort()
      child.stderr.off('data', onError)
    }
  }

  #block(rows: readonly (readonly unknown[])[]): Block {
    const block = new Block()
    try {
      for (const row of rows)
        for (const [at, { type }] of this.spec.args.entries())
          this.#writers[at]!(block, fromJsonValue(type, row[at] ?? absent(type)))
    } catch (error) {
      if (error instanceof ValueError) throw failureError(error)
      throw error
    }
    return block
  }

  async close(): Promise<void> {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
    await rm(this.dir, { recursive: true, force: true })
  }

  #running(): ChildProcessWithoutNullStreams {
    if (this.#child) return this.#child
    const launcher = this.spec.body.kind === 'remote' ? 'remote' : 'javascript'
    const child = spawn(join(this.dir, 'scripts', launcher), ['function'], { stdio: 'pipe', detached: true })
    for (const stream of [child.stdin, child]) stream.on('error', () => {})
    // Nothing that is left to do keeps the process alive.
    child.unref()
    this.#child = child
    return child
  }

  async #results(
    child: ChildProcessWithoutNullStreams,
    rows: number,
    signal: AbortSignal,
  ): Promise<unknown[]> {
    const input = new Answer()
    while (!signal.aborted) {
      const results = this.#decode(input, rows)
      if (results) return results
      const [part] = (await once(child.stdout, 'data', { signal })) as [Buffer]
      input.add(part)
    }
    return []
  }

  /** All results, or undefined as long as bytes are missing. */
  #decode(input: Answer, rows: number): unknown[] | undefined {
    input.offset = 0
    try {
      return Array.from({ length: rows }, () => toJsonValue(this.spec.returns, this.#read(input)))
    } catch (error) {
      if (error instanceof Incomplete) return undefined
      throw error
    }
  }

  #failure(stderr: string): EngineError {
    const failure = decodeFailure(stderr)
    if (failure) return failureError(failure)
    const said = `User defined function '${this.spec.name}' failed. Original error: ${stderr || 'it ended without a word'}`
    return udfError(said) ?? new EngineError('UDF_INTERNAL_ERROR', said)
  }
}

/** What a function sees in place of NULL that its argument's type does not have: the default of the type, as in a query. */
function absent(type: ValueType): unknown {
  switch (type.kind) {
    case 'nullable':
      return null
    case 'string':
    case 'fixed_string':
      return ''
    case 'bool':
      return false
    case 'array':
      return []
    case 'map':
      return {}
    case 'tuple':
      return type.of.map(absent)
    default:
      return 0
  }
}

/** Rows on their way in, in RowBinary. */
class Block extends GrowingOutput {
  constructor() {
    super(1 << 12)
  }

  bytes(): Buffer {
    return this.buffer.subarray(0, this.offset)
  }
}

class Incomplete extends Error {}

/** Results as far as they have come. */
class Answer implements Input {
  buffer = Buffer.alloc(0)
  view = viewOf(this.buffer)
  offset = 0
  end = 0

  add(part: Buffer): void {
    this.buffer = Buffer.concat([this.buffer, part])
    this.view = viewOf(this.buffer)
    this.end = this.buffer.length
  }

  fill(): void {
    throw new Incomplete()
  }
}
