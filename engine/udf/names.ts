import { EngineError } from '../errors.js'

/** Suffixes that make another function of an aggregate: a function's own name may not end so. */
const COMBINATORS = [
  '_if',
  '_array',
  '_map',
  '_distinct',
  '_for_each',
  '_or_default',
  '_or_null',
  '_null',
  '_state',
  '_merge',
  '_merge_state',
  '_simple_state',
  '_resample',
  '_distinct_retract',
]

/** Proton's rule for names of functions; UDF_INVALID_NAME (2532). */
export function checkFunctionName(name: string): void {
  const refuse = (why: string): never => {
    throw new EngineError('UDF_INVALID_NAME', why)
  }
  if (name === '') refuse('UDF name must not be empty')
  if (!/^[A-Za-z0-9_]*$/.test(name)) refuse('UDF name can contain only alphabetic, numbers and underscores')
  if (!/[A-Za-z]/.test(name)) refuse('UDF name shall contain at least one alphabetic')
  if (!/^[A-Za-z_]/.test(name)) refuse("UDF name's first char shall be an alphabetic or underscore")
  const suffix = COMBINATORS.find((end) => name.endsWith(end))
  if (suffix !== undefined) {
    refuse(`UDF name can not end up with ${suffix}, because it is key word suffix`)
  }
}

/** The store's name of one version of a function; aggregates have several, told apart by `part`. */
export function storeName(name: string, version: number, part = ''): string {
  return `udf_${name}_v${version}${part}`
}

/** Whether the store's SQL calls a function of a user. */
export function callsUserFunction(sql: string): boolean {
  return /\budf_\w+_v\d+/.test(sql)
}

/** Proton's name of the function that the store's error is about. */
export function protonName(storeName: string): string {
  return /^udf_(.+)_v\d+(?:_delta|_step|_step_delta|_finish)?$/.exec(storeName)?.[1] ?? storeName
}
