import { z } from 'zod'
import { planDocumentSchema } from './plan_document.js'

/** JSON Schemas of what tpctl reads and writes, by file name in `schemas/`. */
export function jsonSchemas(): Record<string, unknown> {
  return {
    'plan.schema.json': {
      title: 'A plan of tpctl',
      description: 'What `tpctl plan --json` prints, and `tpctl plan --out` writes for `tpctl apply`',
      ...z.toJSONSchema(planDocumentSchema),
    },
  }
}
