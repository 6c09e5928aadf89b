import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../dialect/index.js'
import { type RenderOptions, renderFunction, type UdfDefinition } from '../udfs/runtime/index.js'
import type { Edition } from './config.js'
import { compiledPath, loadModule } from './config_loader.js'

/** A function of the project as the statement that creates it. */
export interface RenderedFunction {
  name: string
  sql: string
  /** The file that defines it, relative to the project where possible. */
  source: string
}

const KINDS: readonly string[] = ['scalar', 'aggregate', 'remote'] satisfies UdfDefinition['kind'][]

function isDefinition(value: unknown): value is UdfDefinition {
  if (typeof value !== 'object' || value === null) return false
  const { kind, name, args } = value as Partial<UdfDefinition>
  return (
    typeof kind === 'string' && KINDS.includes(kind) && typeof name === 'string' && typeof args === 'object'
  )
}

/**
 * All definitions that a module exports, one by one or in arrays and objects.
 * @throws UserError UDF_MODULE_MISSING, UDF_MODULE_LOAD
 */
export async function loadDefinitions(path: string): Promise<UdfDefinition[]> {
  if (!existsSync(path) && !compiledPath(path))
    throw new UserError('UDF_MODULE_MISSING', `The functions' module ${path} does not exist.`, {
      suggestion: 'Correct `udfs` in tpctl.config.ts, or leave it out.',
    })
  const module = await loadModule(path, 'UDF_MODULE_LOAD')
  const found = new Set<UdfDefinition>()
  for (const value of Object.values(module)) {
    if (isDefinition(value)) found.add(value)
    else if (typeof value === 'object' && value !== null)
      for (const inner of Object.values(value)) if (isDefinition(inner)) found.add(inner)
  }
  return [...found]
}

/** The statements that create `definitions` on an edition. */
export async function renderFunctions(
  definitions: readonly UdfDefinition[],
  dir: string,
  modulePath: string,
  edition: Edition,
  options: RenderOptions,
): Promise<RenderedFunction[]> {
  const rendered: RenderedFunction[] = []
  for (const definition of definitions) {
    const file =
      'module' in definition && definition.module.startsWith('file:')
        ? fileURLToPath(definition.module)
        : modulePath
    const sql = await renderFunction(definition, edition, options)
    rendered.push({ name: definition.name, sql, source: relative(dir, file) })
  }
  return rendered
}
