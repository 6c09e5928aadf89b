/** The functions that are deployed. Each has a file of its own, since that is what is bundled for the engine. */
export { hostOwner } from './host_owner.js'
export { logLevel } from './log_level.js'
