/**
 * The child process of one user-defined function. `worker <function> [--check]`, the function's spec being `../specs/<function>.json`; the rest comes by stdin:
 * `<rows>\n` and as many rows in RowBinary, answered by as many results.
 */
import { readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { loadJavaScript } from './javascript.js'
import { BlockInput, BlockOutput, EndOfInput } from './pipes.js'
import { createRemoteCaller } from './remote.js'
import { encodeFailure, type Failure, type FunctionSpec } from './spec.js'

type BlockRunner = (
  rows: number,
  input: BlockInput,
  output: BlockOutput,
) => Failure | undefined | Promise<Failure | undefined>

const STDOUT = 1
const STDERR = 2

function stop(failure: Failure): never {
  writeSync(STDERR, encodeFailure(failure))
  process.exit(1)
}

function loadRunner(spec: FunctionSpec, directory: string): BlockRunner {
  if (spec.body.kind === 'remote') return createRemoteCaller(spec)
  const loaded = loadJavaScript(spec, readFileSync(join(directory, 'sandbox.js'), 'utf8'))
  if (loaded.failure) stop(loaded.failure)
  return loaded.block
}

async function serve(run: BlockRunner): Promise<void> {
  const input = new BlockInput()
  const output = new BlockOutput()
  for (;;) {
    const rows = input.nextBlock()
    if (rows === undefined) return
    const failure = await run(rows, input, output)
    if (failure) stop(failure)
    output.flush()
  }
}

async function main(): Promise<void> {
  // A promise that a function leaves rejected is nobody's: Proton's V8 ignores it too.
  process.on('unhandledRejection', () => undefined)
  const [script, name, flag] = process.argv.slice(1)
  const directory = join(script!, '..')
  const specPath = join(directory, '..', 'specs', `${name}.json`)
  const spec = JSON.parse(readFileSync(specPath, 'utf8')) as FunctionSpec
  if (flag === '--check') {
    const loaded = loadJavaScript(spec, readFileSync(join(directory, 'sandbox.js'), 'utf8'))
    if (loaded.failure) stop(loaded.failure)
    writeSync(STDOUT, JSON.stringify(loaded.traits ?? {}))
    process.exit(0)
  }
  try {
    await serve(loadRunner(spec, directory))
  } catch (error) {
    if (!(error instanceof EndOfInput)) {
      stop({ code: 2533, message: `call UDF '${spec.name}' failed:${String(error)}` })
    }
  }
  process.exit(0)
}

void main()
