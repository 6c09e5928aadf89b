import { z } from 'zod'
import { configSchema } from './config.js'
import { planDocumentSchema } from './plan_document.js'

/** JSON Schemas of what tpctl reads and writes, by file name in `schemas/`. */
export function jsonSchemas(): Record<string, unknown> {
  return {
    'config.schema.json': {
      title: 'The config of a tpctl project',
      description: 'What `defineConfig` in tpctl.config.ts takes',
      ...z.toJSONSchema(configSchema, { io: 'input' }),
    },
    'plan.schema.json': {
      title: 'A plan of tpctl',
      description: 'What `tpctl plan --json` prints, and `tpctl plan --out` writes for `tpctl apply`',
      ...z.toJSONSchema(planDocumentSchema),
    },
  }
}
