/**
 * The part of a JavaScript function's child that lives inside the sandbox: it finds the function in the
 * user's source, and turns bytes into its arguments and its results into bytes. Evaluated as a script in a
 * bare context before the user's source, and reachable by nobody but the host.
 */
import { makeColumnsReader, makeColumnWriter } from './columns.js'
import { type Input, makeReader, readVarUint } from './decode.js'
import { makeWriter, type Output, ValueError } from './encode.js'
import type { Failure, FunctionSpec, ValueType } from './spec.js'

const UDF_COMPILE_ERROR = 2530
const UDF_MEMORY_THRESHOLD_EXCEEDED = 2531
const UDF_INTERNAL_ERROR = 2533
/** What Proton says when `process` or `serialize` throws. */
const AGGREGATE_FUNCTION_THROW = 503
const INVALID_DATA = 2504
const ILLEGAL_TYPE_OF_ARGUMENT = 43

/** Rows of a call at most: arrays of more are no longer made where V8 makes them fast. Measured: four times the time per row. */
const CALL_ROWS = 8_192

export interface Runner {
  /** Checks what the source defined; called once, after it ran. */
  resolve(): Failure | undefined
  /** One block: reads `rows` rows, calls the function, writes `rows` results. */
  block(rows: number, input: Input, output: Output): Failure | undefined
}

type Callable = (this: unknown, ...args: unknown[]) => unknown
interface Aggregate {
  initialize: Callable
  process: Callable
  finalize: Callable
  serialize?: Callable
  deserialize?: Callable
}

/** What went wrong in the user's code, as V8 prints it; printing may itself throw. */
function describeThrown(thrown: unknown): string {
  try {
    return String(thrown)
  } catch {
    return 'a value that cannot be printed was thrown'
  }
}

/** The heap's end kills the process; the end of what stands outside the heap can be caught. */
function thrownCode(thrown: unknown): number {
  return describeThrown(thrown).includes('Array buffer allocation failed')
    ? UDF_MEMORY_THRESHOLD_EXCEEDED
    : UDF_INTERNAL_ERROR
}

function attempt(body: () => Failure | undefined): Failure | undefined {
  try {
    return body()
  } catch (error) {
    if (error instanceof ValueError) return { code: error.code, message: error.message }
    return { code: thrownCode(error), message: describeThrown(error) }
  }
}

export function createRunner(spec: FunctionSpec): Runner {
  if (spec.body.kind === 'aggregate') return aggregateRunner(spec, spec.body)
  return scalarRunner(spec)
}

function scalarRunner(spec: FunctionSpec): Runner {
  const read = makeColumnsReader(spec.args.map((arg) => arg.type))
  const write = makeColumnWriter(spec.returns)
  let call: Callable | undefined

  const callOnce = (rows: number, input: Input, output: Output): Failure | undefined => {
    const columns = read(input, rows)
    let results: unknown
    try {
      results = Reflect.apply(call!, globalThis, columns)
    } catch (thrown) {
      return {
        code: thrownCode(thrown),
        message: `call JavaScript UDF '${spec.name}' failed:${describeThrown(thrown)}`,
      }
    }
    if (!Array.isArray(results)) {
      return {
        code: ILLEGAL_TYPE_OF_ARGUMENT,
        message: `UDF should return Array but got ${typeof results}`,
      }
    }
    if (results.length !== rows) {
      return {
        code: INVALID_DATA,
        message: `Function '${spec.name}': wrong result, expected ${rows} row(s), actual ${results.length}`,
      }
    }
    write(output, results)
    return undefined
  }

  return {
    resolve() {
      const found = (globalThis as Record<string, unknown>)[spec.name]
      if (typeof found === 'function') {
        call = found as Callable
        return undefined
      }
      return {
        code: UDF_COMPILE_ERROR,
        message: `the JavaScript UDF '${spec.name}' is invalid since the function '${spec.name}' is not defined`,
      }
    },

    block: (rows, input, output) =>
      attempt(() => {
        for (let left = rows; left > 0; left -= CALL_ROWS) {
          const failure = callOnce(Math.min(left, CALL_ROWS), input, output)
          if (failure) return failure
        }
        return undefined
      }),
  }
}

const REQUIRED_MEMBERS = ['initialize', 'process', 'finalize']

function aggregateRunner(
  spec: FunctionSpec,
  body: Extract<FunctionSpec['body'], { kind: 'aggregate' }>,
): Runner {
  const state: ValueType = { kind: 'string' }
  const readState = makeReader(state)
  const writeState = makeWriter(state)
  const readRow = spec.args.map((arg) => makeReader(arg.type))
  if (body.delta) readRow.push(makeReader({ kind: 'int', bits: 8, signed: true }))
  const writeResult = makeWriter(body.customEmit ? { kind: 'array', of: spec.returns } : spec.returns)
  let blueprint: Aggregate | undefined

  const member = (instance: Aggregate, name: keyof Aggregate, args: unknown[]): unknown => {
    const call = instance[name]
    if (call === undefined) {
      throw new ValueError(UDF_INTERNAL_ERROR, `the JavaScript UDA '${spec.name}' has no function '${name}'`)
    }
    try {
      return Reflect.apply(call, instance, args)
    } catch (thrown) {
      const code = thrownCode(thrown)
      const adding = name === 'process' || name === 'serialize'
      throw new ValueError(
        adding && code === UDF_INTERNAL_ERROR ? AGGREGATE_FUNCTION_THROW : code,
        `Failed to invoke '${name}' function of JavaScript UDA '${spec.name}':${describeThrown(thrown)}`,
      )
    }
  }

  const instantiate = (): Aggregate => {
    // A shallow clone: members are functions, data appears only by `this.x = …` in initialize.
    const instance: Aggregate = Object.assign(Object.create(Object.getPrototypeOf(blueprint)), blueprint)
    member(instance, 'initialize', [])
    return instance
  }

  /** An array of argument tuples: the length, then the tuples' elements; given to `process` column-wise. */
  const processRows = (instance: Aggregate, input: Input): void => {
    const rows = readVarUint(input)
    if (rows === 0) return
    const columns: unknown[][] = readRow.map(() => [])
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < readRow.length; i++) columns[i]!.push(readRow[i]!(input))
    }
    member(instance, 'process', columns)
  }

  const readBatch = makeReader({ kind: 'int', bits: 64, signed: false })

  /** Rows with the number of their batch: batch by batch, and what the last one makes the instance emit. */
  const emitted = (instance: Aggregate, input: Input): unknown[] => {
    let results: unknown[] = []
    let columns: unknown[][] = readRow.map(() => [])
    let batch: string | undefined
    const flush = () => {
      const times = Number(member(instance, 'process', columns) ?? 0)
      const given = times > 0 ? member(instance, 'finalize', []) : []
      results = Array.isArray(given) ? given : []
      if (times > 0 && results.length !== times) {
        throw new ValueError(
          UDF_INTERNAL_ERROR,
          `Javascript UDA should emit ${times} times but only return ${results.length} results`,
        )
      }
      columns = readRow.map(() => [])
    }
    for (let left = readVarUint(input); left > 0; left--) {
      const row = readRow.map((read) => read(input))
      const next = String(readBatch(input))
      if (batch !== undefined && next !== batch) flush()
      batch = next
      row.forEach((value, i) => void columns[i]!.push(value))
    }
    if (batch !== undefined) flush()
    return results
  }

  const finish = (instance: Aggregate, output: Output): void => {
    const result = member(instance, 'finalize', [])
    if (result === undefined && !body.customEmit) {
      throw new ValueError(
        UDF_INTERNAL_ERROR,
        `the JavaScript UDA '${spec.name}' does not return the aggregate result`,
      )
    }
    writeResult(output, body.customEmit && (result === undefined || result === null) ? [] : result)
  }

  const revive = (input: Input): Aggregate => {
    const instance = instantiate()
    const text = readState(input)
    if (text !== '') member(instance, 'deserialize', [text])
    return instance
  }

  const row = (input: Input, output: Output): void => {
    switch (body.operation) {
      case 'final': {
        const instance = instantiate()
        if (body.customEmit) {
          writeResult(output, emitted(instance, input))
          return
        }
        processRows(instance, input)
        finish(instance, output)
        return
      }
      case 'step': {
        const instance = revive(input)
        processRows(instance, input)
        writeState(output, member(instance, 'serialize', []))
        return
      }
      case 'finish':
        finish(revive(input), output)
    }
  }

  return {
    resolve() {
      const invalid = (why: string): Failure => ({
        code: UDF_COMPILE_ERROR,
        message: `the JavaScript UDA ${spec.name} is invalid. ${why}`,
      })
      const found = (globalThis as Record<string, unknown>)[spec.name]
      if (typeof found !== 'object' || found === null) {
        return invalid(`The UDA object '${spec.name}' is not defined`)
      }
      const members = found as Record<string, unknown>
      for (const name of REQUIRED_MEMBERS) {
        if (typeof members[name] !== 'function') {
          return invalid(
            `Missing required member function: '${name}'. Please refer to the JavaScript UDA documents for details`,
          )
        }
      }
      for (const name of Object.keys(members)) {
        if (typeof members[name] !== 'function' && name !== 'has_customized_emit') {
          return invalid(
            `It contains non-function data member : '${name}'. JavaScript UDA can contain only required data members and member functions. Please refer to the JavaScript UDA documents for details`,
          )
        }
      }
      blueprint = found as unknown as Aggregate
      return undefined
    },

    block: (rows, input, output) =>
      attempt(() => {
        for (let i = 0; i < rows; i++) row(input, output)
        return undefined
      }),
  }
}

/** Traits of an aggregate that its definition needs to know: reported by the check, read off the object. */
export function traitsOf(name: string): { customEmit: boolean; resumable: boolean } {
  const object = (globalThis as Record<string, unknown>)[name] as Record<string, unknown>
  return {
    customEmit: object.has_customized_emit === true,
    resumable: typeof object.serialize === 'function' && typeof object.deserialize === 'function',
  }
}
