/** What a project imports from the package `tpctl`: the config's types. */
export { defineConfig, type TpctlConfigInput } from './config.js'
