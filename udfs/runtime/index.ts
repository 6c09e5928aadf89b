/** The kit for functions: declare, test in Node, render for an engine, serve. */
export { callAggregate, callScalar } from './call.js'
export {
  type AggregateFunction,
  defineAggregate,
  defineRemote,
  defineScalar,
  type Environment,
  type Provider,
  type RemoteFunction,
  type ScalarFunction,
  type UdfDefinition,
} from './define.js'
export { type FailureKind, ProviderFailure } from './provider.js'
export { DEFAULT_AUTH_HEADER, type RenderOptions, renderFunction, type UdfEdition } from './render.js'
export type { ArgDeclarations, ArgValue, ReturnValue, Row, TypeDeclaration } from './types.js'
