// Writes schemas/*.schema.json from the code: run `npm run build && node tools/schemas.mjs` after a change there.
import { mkdirSync, writeFileSync } from 'node:fs'
import { jsonSchemas } from '../dist/bootstrap/schemas.js'

const folder = new URL('../schemas/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const [name, schema] of Object.entries(jsonSchemas()))
  writeFileSync(new URL(name, folder), `${JSON.stringify(schema, null, 2)}\n`)
