import { CHECK_GUIDES } from './checks.js'
import { DATA_GUIDES } from './data.js'
import { DEPLOYMENT_GUIDES } from './deployment.js'
import { ENGINE_GUIDES } from './engine.js'
import type { Guides } from './guide.js'
import { PROJECT_GUIDES } from './project.js'
import { QUERY_GUIDES } from './queries.js'

export type { Guide, Guides } from './guide.js'

/** A guide for every command that does something. A test compares them with the commands. */
export const GUIDES: Guides = {
  ...PROJECT_GUIDES,
  ...ENGINE_GUIDES,
  ...DEPLOYMENT_GUIDES,
  ...CHECK_GUIDES,
  ...DATA_GUIDES,
  ...QUERY_GUIDES,
}
