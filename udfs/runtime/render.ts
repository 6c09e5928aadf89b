import { UserError } from '../../dialect/user_error.js'
import { bundleDefinition } from './bundle.js'
import type { AggregateFunction, RemoteFunction, ScalarFunction, UdfDefinition } from './define.js'
import { type TypeDeclaration, typeText } from './types.js'

export type UdfEdition = 'embedded' | 'oss-1.6' | 'oss-3' | 'enterprise'

export interface RenderOptions {
  /** Where the engine finds the gateway, for remote functions: `http://127.0.0.1:9100`. */
  gatewayUrl?: string
  /** Header that carries the gateway's key. Default `x-udf-key`. */
  authHeader?: string
  /** The key; without one the gateway is called without. It stands in the statement: never print it. */
  authKey?: string
}

export const DEFAULT_AUTH_HEADER = 'x-udf-key'
const DEFAULT_EXECUTION_TIMEOUT_MS = 10_000
/** Suffixes by which engines derive other functions from an aggregate. */
const SUFFIXES =
  /_(if|array|map|distinct|for_each|or_default|or_null|null|state|merge|simple_state|resample)$/

/**
 * The `CREATE FUNCTION` statement of a definition, without a semicolon. All editions take one form: that of
 * OSS 1.6, whose functions were checked against a real server.
 */
export async function renderFunction(
  definition: UdfDefinition,
  edition: UdfEdition,
  options: RenderOptions = {},
): Promise<string> {
  checkDefinition(definition)
  if (edition === 'oss-1.6' && definition.kind !== 'remote') checkForOss16(definition)
  switch (definition.kind) {
    case 'scalar':
      return renderScalar(definition)
    case 'aggregate':
      return renderAggregate(definition)
    case 'remote':
      return renderRemote(definition, options)
  }
}

async function renderScalar(definition: ScalarFunction): Promise<string> {
  const names = Object.keys(definition.args)
  const columns = names.map((name) => `${name}_values`)
  const row = names.map((name) => `${name}: ${name}_values[i]`).join(', ')
  const source = [
    (await bundleDefinition(definition)).trimEnd(),
    `function ${definition.name}(${columns.join(', ')}) {`,
    '  const results = []',
    `  for (let i = 0; i < ${columns[0]}.length; i++) results.push(__bundle.definition.call({ ${row} }))`,
    '  return results',
    '}',
  ].join('\n')
  return `CREATE OR REPLACE FUNCTION ${signature(definition)} LANGUAGE JAVASCRIPT AS $$\n${source}\n$$`
}

async function renderAggregate(definition: AggregateFunction): Promise<string> {
  const names = Object.keys(definition.args)
  const columns = names.map((name) => `${name}_values`)
  const row = names.map((name) => `${name}: ${name}_values[i]`).join(', ')
  // An engine evaluates `var <name> = <source>`: the source is one expression, an object of functions.
  const source = [
    '(() => {',
    (await bundleDefinition(definition)).trimEnd(),
    'const definition = __bundle.definition',
    'return {',
    '  initialize: function () { this.state = definition.initialize() },',
    `  process: function (${columns.join(', ')}) {`,
    `    for (let i = 0; i < ${columns[0]}.length; i++) this.state = definition.step(this.state, { ${row} })`,
    '  },',
    '  finalize: function () { return definition.finalize(this.state) },',
    '  serialize: function () { return JSON.stringify(this.state) },',
    '  deserialize: function (text) { this.state = JSON.parse(text) },',
    '  merge: function (text) { this.state = definition.merge(this.state, JSON.parse(text)) }',
    '}',
    '})()',
  ].join('\n')
  return `CREATE OR REPLACE AGGREGATE FUNCTION ${signature(definition)} LANGUAGE JAVASCRIPT AS $$\n${source}\n$$`
}

function renderRemote(definition: RemoteFunction, options: RenderOptions): string {
  if (!options.gatewayUrl) {
    throw new UserError(
      'UDF_NO_GATEWAY',
      `Function '${definition.name}' is remote, and no gateway is known.`,
      {
        suggestion: 'Set gatewayUrl for the target in tpctl.config.ts.',
      },
    )
  }
  const url = `${options.gatewayUrl.replace(/\/+$/, '')}/${definition.name}`
  const auth =
    options.authKey === undefined || options.authKey === ''
      ? `AUTH_METHOD 'none'`
      : `AUTH_METHOD 'auth_header' AUTH_HEADER ${quote(options.authHeader ?? DEFAULT_AUTH_HEADER)} AUTH_KEY ${quote(options.authKey)}`
  const timeout = definition.executionTimeoutMs ?? DEFAULT_EXECUTION_TIMEOUT_MS
  return `CREATE OR REPLACE REMOTE FUNCTION ${signature(definition)} URL ${quote(url)} ${auth} EXECUTION_TIMEOUT ${timeout}`
}

function signature(definition: UdfDefinition): string {
  const args = Object.entries(definition.args as Record<string, string>).map(
    ([name, type]) => `${name} ${typeText(type)}`,
  )
  return `${definition.name}(${args.join(', ')}) RETURNS ${typeText(definition.returns)}`
}

function checkDefinition(definition: UdfDefinition): void {
  const { name } = definition
  const refuse = (why: string, suggestion: string): never => {
    throw new UserError('UDF_INVALID', `Function '${name}': ${why}.`, { suggestion })
  }
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    refuse('its name is none', 'Use letters, digits and _, and begin with no digit.')
  }
  if (SUFFIXES.test(name)) {
    refuse('its name ends like a combinator of aggregate functions', 'Choose another ending.')
  }
  const args = Object.entries(definition.args as Record<string, string>)
  if (args.length === 0) refuse('it has no argument', 'Engines call a function with at least one.')
  for (const [arg, type] of args) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(arg))
      refuse(`'${arg}' is no name for an argument`, 'Use letters, digits and _.')
    if (typeText(type) === undefined)
      refuse(`argument '${arg}' has type ${JSON.stringify(type)}, which JavaScript cannot take`, TYPES)
  }
  if (typeText(definition.returns) === undefined) {
    refuse(`it returns ${JSON.stringify(definition.returns)}, which JavaScript cannot give`, TYPES)
  }
  if (definition.kind === 'remote' && args.length !== 1) {
    refuse('a remote function has one argument, its key', 'Join several into one string.')
  }
}

/**
 * What the V8 converter of 1.6 leaves out: no nullable types, and results of the second-wise date types become
 * their default without a word. Source: src/V8/Utils.cpp of 1.6.1.
 */
function checkForOss16(definition: ScalarFunction | AggregateFunction): void {
  const refuse = (what: string, suggestion: string): never => {
    throw new UserError(
      'UDF_NOT_PORTABLE',
      `Function '${definition.name}' cannot run on Proton 1.6: ${what}.`,
      { suggestion },
    )
  }
  const visit = (type: TypeDeclaration, result: boolean): void => {
    if (typeof type !== 'string') {
      if (!result) refuse('it takes a tuple', 'Take its elements as arguments.')
      for (const element of Object.values(type)) visit(element, result)
    } else if (/(nullable|low_cardinality)\(/.test(type)) {
      refuse(
        `it uses ${type}`,
        'Engines answer NULL for a NULL argument by themselves: declare the type without it.',
      )
    } else if (result && /\b(date|date32|datetime)\b(?!64)/.test(type)) {
      refuse(`it returns ${type}`, 'Return datetime64(3).')
    }
  }
  for (const type of Object.values(definition.args)) visit(type, false)
  visit(definition.returns, true)
}

const TYPES =
  'Use int8 … uint64, float32/64, bool, string, fixed_string(n), date types, array(…), nullable(…) or an object for a named tuple.'

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}
