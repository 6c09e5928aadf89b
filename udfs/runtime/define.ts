/**
 * How functions are declared. This file goes into the code that runs in the engine: no Node, no dependencies.
 */
import type { ArgDeclarations, ReturnValue, Row, TypeDeclaration } from './types.js'

interface Definition<A extends ArgDeclarations, R extends TypeDeclaration> {
  name: string
  args: A
  returns: R
  /** For people: what it does, in a sentence. */
  description?: string
}

interface EngineDefinition<A extends ArgDeclarations, R extends TypeDeclaration> extends Definition<A, R> {
  /** `import.meta.url` of the file that exports the definition: what is bundled for the engine. */
  module: string
}

/** A function of one row. Runs in the engine's V8: ECMAScript only, no I/O, no timers, no async. */
export interface ScalarFunction<
  A extends ArgDeclarations = ArgDeclarations,
  R extends TypeDeclaration = TypeDeclaration,
> extends EngineDefinition<A, R> {
  kind: 'scalar'
  call(row: Row<A>): ReturnValue<R>
}

/**
 * A function of many rows. Runs in the engine's V8, like a scalar one. The state is plain JSON data: engines
 * save it in checkpoints, and merge the states of shards.
 */
export interface AggregateFunction<
  A extends ArgDeclarations = ArgDeclarations,
  R extends TypeDeclaration = TypeDeclaration,
  S = unknown,
> extends EngineDefinition<A, R> {
  kind: 'aggregate'
  initialize(): S
  /** The state after one more row: the given one, changed, or a new one. */
  step(state: S, row: Row<A>): S
  /** The state of both parts of the input together, in whatever order they came. */
  merge(left: S, right: S): S
  finalize(state: S): ReturnValue<R>
}

/** Where a remote function's answers come from: text, most often JSON. Failures are ProviderFailures. */
export interface Provider {
  /** Stands in each answer, so that nobody takes one source for another. */
  readonly name: string
  /** The plan's limit; undefined where none is needed (no network). */
  readonly requestsPerSecond?: number
  /** Its answers cost nothing: they never displace another provider's in the cache. */
  readonly free?: boolean
  lookup(key: string, signal: AbortSignal): Promise<string>
  close?(): Promise<void>
}

/** What providers may read: the environment's variables. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * A function of one key that needs the outside world. Runs in the gateway, never in the engine. One key is
 * asked for once, however many rows and queries have it; a failure is an answer: `{"error": …}`.
 */
export interface RemoteFunction<A extends ArgDeclarations = ArgDeclarations> extends Definition<A, 'string'> {
  kind: 'remote'
  /** How long the engine waits for a block, in ms. Default 10 000, Proton's own. */
  executionTimeoutMs?: number
  /** Why a key is not worth a request, or undefined. */
  refuse?(key: string): string | undefined
  /** By name; `provider` chooses. */
  providers: Record<string, (environment: Environment) => Provider>
  /** The provider to use where nobody names one. */
  defaultProvider(environment: Environment): string
  /** A keyed stream that answers are kept in. */
  cache?: {
    stream: string
    keyColumn: string
    valueColumn: string
    providerColumn: string
    timeColumn: string
  }
}

// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, so `unknown` would accept no definition.
export type UdfDefinition = ScalarFunction<any, any> | AggregateFunction<any, any, any> | RemoteFunction<any>

export function defineScalar<const A extends ArgDeclarations, const R extends TypeDeclaration>(
  definition: Omit<ScalarFunction<A, R>, 'kind'>,
): ScalarFunction<A, R> {
  return { kind: 'scalar', ...definition }
}

export function defineAggregate<const A extends ArgDeclarations, const R extends TypeDeclaration, S>(
  definition: Omit<AggregateFunction<A, R, S>, 'kind'>,
): AggregateFunction<A, R, S> {
  return { kind: 'aggregate', ...definition }
}

/** Its one argument is the key, a string. */
export function defineRemote<const A extends { readonly [name: string]: 'string' }>(
  definition: Omit<RemoteFunction<A>, 'kind' | 'returns'>,
): RemoteFunction<A> {
  return { kind: 'remote', returns: 'string', ...definition }
}
