/** Functions that run outside the store: JavaScript, scalar and aggregate, and remote ones. */
export { scalarCallText } from './call_text.js'
export { udfError } from './errors.js'
export { type OpenUdfRegistry, openUdfRegistry, type UdfOptions } from './registry.js'
