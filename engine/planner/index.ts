/**
 * Proton AST → the store's SQL. Everything that other rooms of the engine use is named here.
 */

export { describeQuery } from './describe.js'
export { dictionaryRelation, storedDictionary } from './dictionaries.js'
export { createPlanner, type PlannerParts } from './plan.js'
export { respell } from './respell.js'
export { bindLeaves, expandViews, type Leaf, leftmostSource, relationName } from './sources.js'
export { type AggregateSplit, splitAggregate } from './split.js'
export { BATCH } from './translate/aggregates.js'
export { crc32cText } from './translate/crc32c.js'
export type { Translated, TranslateEnv } from './translate/env.js'
export { translateExpr, translateQuery } from './translate/index.js'
export { isAggregation } from './translate/is_aggregation.js'
export { exactCountFull, exactCountMemory } from './translate/top_k.js'
export { checkWindowTime, type WindowArguments, windowArguments } from './windows.js'
