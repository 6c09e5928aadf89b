import vm from 'node:vm'
import type { Input } from './decode.js'
import type { Output } from './encode.js'
import type { Runner } from './sandbox.js'
import type { Failure, FunctionSpec } from './spec.js'

const UDF_COMPILE_ERROR = 2530
const TIMEOUT_EXCEEDED = 159
/** Top-level code of a source only defines things. */
const COMPILE_LIMIT_MS = 1000

/** What `sandbox.ts`, bundled to a script, evaluates to. */
interface SandboxModule {
  createRunner(spec: FunctionSpec): Runner
  traitsOf(name: string): { customEmit: boolean; resumable: boolean }
}

export interface JavaScriptFunction {
  failure?: Failure
  traits?: { customEmit: boolean; resumable: boolean }
  block(rows: number, input: Input, output: Output): Failure | undefined
}

/**
 * The user's source in a context of its own: the ECMAScript globals and an inert `console`, nothing of
 * Node's. Promise jobs run inside the time limit. The process has its own walls besides (no file access).
 */
export function loadJavaScript(spec: FunctionSpec, sandboxScript: string): JavaScriptFunction {
  if (spec.body.kind === 'remote') throw new Error('not a JavaScript function')
  const timeLimitMs = spec.body.timeLimitMs
  const source = spec.body.kind === 'aggregate' ? `var ${spec.name}=${spec.body.source};` : spec.body.source
  const context = vm.createContext(Object.create(null) as object, { microtaskMode: 'afterEvaluate' })
  const sandbox = vm.runInContext(`${sandboxScript};__udf`, context) as SandboxModule
  vm.runInContext(BARE_GLOBALS, context)
  const fail = (failure: Failure): JavaScriptFunction => ({ failure, block: () => failure })

  const runner = sandbox.createRunner(spec)
  let script: vm.Script
  try {
    script = new vm.Script(source, { filename: `${spec.name}.js` })
  } catch (error) {
    return fail({
      code: UDF_COMPILE_ERROR,
      message: `the JavaScript UDF ${spec.name} is invalid. Detail error: Uncaught ${String(error)}`,
    })
  }
  try {
    script.runInContext(context, { timeout: COMPILE_LIMIT_MS })
  } catch (error) {
    const thrown = printThrown(error)
    return fail({
      code: UDF_COMPILE_ERROR,
      message: `The JavaScript UDF ${spec.name} is invalid. Detail error: Uncaught ${thrown}:${thrown}`,
    })
  }
  const unresolved = runner.resolve()
  if (unresolved) return fail(unresolved)

  // A function called from the host has no time limit; a script has. The script finds the work to do in
  // a global that is gone before the user's code runs.
  const entry = new vm.Script('{ const work = __work; delete globalThis.__work; work() }')
  const globals = context as { __work?: () => void }
  return {
    traits: spec.body.kind === 'aggregate' ? sandbox.traitsOf(spec.name) : undefined,
    block(rows, input, output) {
      let failure: Failure | undefined
      globals.__work = () => {
        failure = runner.block(rows, input, output)
      }
      try {
        entry.runInContext(context, { timeout: timeLimitMs })
      } catch (error) {
        if ((error as NodeJS.ErrnoException)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
        return {
          code: TIMEOUT_EXCEEDED,
          message: `call JavaScript UDF '${spec.name}' failed: it ran for more than ${timeLimitMs} ms and was stopped`,
        }
      }
      return failure
    },
  }
}

/** What Node's contexts have beyond ECMAScript goes; `console` is there, as in Proton, and prints nowhere. */
const BARE_GLOBALS = `
  delete globalThis.__udf; delete globalThis.WebAssembly; delete globalThis.SharedArrayBuffer; delete globalThis.Atomics;
  Object.defineProperty(globalThis, 'console', { configurable: true, writable: true, enumerable: false, value:
    Object.fromEntries(['log', 'debug', 'info', 'warn', 'error'].map((name) => [name, () => undefined])) });
`

function printThrown(thrown: unknown): string {
  if ((thrown as NodeJS.ErrnoException)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
    return `Error: the source ran for more than ${COMPILE_LIMIT_MS} ms when it was loaded`
  }
  try {
    return String(thrown)
  } catch {
    return 'a value that cannot be printed was thrown'
  }
}
