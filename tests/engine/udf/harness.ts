import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CreateFunction, TypeNode } from '../../../dialect/ast.js'
import { openChdb } from '../../../engine/chdb/pool.js'
import type { Chdb, FunctionObject } from '../../../engine/contracts.js'
import {
  type OpenUdfRegistry,
  openUdfRegistry,
  type UdfOptions,
  udfError,
} from '../../../engine/udf/index.js'

export interface Harness {
  chdb: Chdb
  registry: OpenUdfRegistry
  /** Rows of a SELECT; errors of functions in Proton's words. */
  rows(sql: string): Promise<unknown[][]>
  close(): Promise<void>
}

export async function openHarness(options: Omit<UdfOptions, 'dir'> = {}): Promise<Harness> {
  const dir = await mkdtemp(join(tmpdir(), 'udf-'))
  const registry = await openUdfRegistry({ dir: join(dir, 'udf dir'), ...options })
  const chdb = await openChdb({ dir: join(dir, 'data'), connectionArgs: registry.connectionArgs })
  registry.attach(chdb)
  return {
    chdb,
    registry,
    rows: async (sql) => {
      try {
        return await chdb.rows(sql)
      } catch (error) {
        throw udfError(error instanceof Error ? error.message : String(error), error) ?? error
      }
    },
    close: async () => {
      await chdb.close()
      await registry.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** `array(nullable(int32))`, `tuple(a int8, b string)`, `datetime64(3, 'UTC')` → its tree. */
export function type(text: string): TypeNode {
  const tokens = text.match(/'[^']*'|\w+|[(),]/g) ?? []
  let at = 0
  const node = (): TypeNode => {
    const name = tokens[at++]!
    const args: TypeNode['args'] = []
    if (tokens[at] === '(') {
      do {
        at++
        const token = tokens[at]!
        if (/^\d/.test(token)) args.push({ kind: 'number', text: tokens[at++]! })
        else if (token.startsWith("'")) args.push({ kind: 'string', value: tokens[at++]!.slice(1, -1) })
        else if (/^\w/.test(tokens[at + 1] ?? '')) {
          at++
          args.push({ kind: 'named', name: token, type: node() })
        } else args.push({ kind: 'type', type: node() })
      } while (tokens[at] === ',')
      at++
    }
    return { name, args }
  }
  return node()
}

let nextId = 1

export function functionObject(
  name: string,
  aggregate: boolean,
  body: CreateFunction['body'],
): FunctionObject {
  return {
    kind: 'function',
    id: nextId++,
    uuid: '',
    name: { database: 'default', name },
    sql: '',
    createdAt: 0,
    statement: {
      kind: 'create_function',
      name: { name },
      ifNotExists: false,
      orReplace: true,
      aggregate,
      body,
    },
  }
}

/** `signature('a int32, b string')`. */
export function signature(text: string) {
  return text.split(/,(?![^(]*\))/).map((arg) => {
    const [name, ...rest] = arg.trim().split(' ')
    return { name: name!, type: type(rest.join(' ')) }
  })
}

export function javascript(name: string, args: string, returns: string, source: string): FunctionObject {
  return functionObject(name, false, {
    language: 'javascript',
    args: signature(args),
    returns: type(returns),
    source,
  })
}

export function aggregate(name: string, args: string, returns: string, source: string): FunctionObject {
  return functionObject(name, true, {
    language: 'javascript',
    args: signature(args),
    returns: type(returns),
    source,
  })
}
