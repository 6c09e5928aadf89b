/** Serves remote functions to engines. */
export { ProviderFailure } from '../provider.js'
export { type AnswerCache, type CachedAnswer, memoryCache } from './cache.js'
export { type Gateway, type GatewayOptions, startGateway } from './server.js'
export { type CacheStore, driverStore, streamCache } from './stream_cache.js'
