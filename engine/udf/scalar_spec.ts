import type { CreateFunction } from '../../dialect/ast.js'
import { remoteBody } from './remote_body.js'
import { valueType } from './types.js'
import type { FunctionSpec } from './worker/spec.js'

/** How long one block may take. */
export const DEFAULT_TIME_LIMIT_MS = 10_000
const DEFAULT_MEMORY_BYTES = 100 * 1024 * 1024
/** Node itself, beside what a function allocates. */
const NODE_HEAP_MB = 16

/** What runs in a child: everything but SQL. */
export type ScalarBody = Exclude<CreateFunction['body'], { language: 'sql' }>

/** What a child needs to know of a function of rows. */
export function scalarSpec(name: string, body: ScalarBody, timeLimitMs: number): FunctionSpec {
  return {
    name,
    args: body.args.map((arg) => ({ name: arg.name, type: valueType(arg.type) })),
    returns: valueType(body.returns),
    body:
      body.language === 'remote' ? remoteBody(body) : { kind: 'scalar', source: body.source, timeLimitMs },
  }
}

/** Heap of a child, in MB. */
export function heapMb(memoryLimitBytes = DEFAULT_MEMORY_BYTES): number {
  return Math.ceil(memoryLimitBytes / 1024 / 1024) + NODE_HEAP_MB
}
