/** What a project imports from the package `tpctl`. */
export * from '../udfs/runtime/index.js'
export { defineConfig, type TpctlConfigInput } from './config.js'
