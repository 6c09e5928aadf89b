import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { jsonSchemas } from '../../bootstrap/schemas.js'

it.each(Object.entries(jsonSchemas()))('schemas/%s says what the code does', (name, schema) => {
  const published = readFileSync(new URL(`../../schemas/${name}`, import.meta.url), 'utf8')
  // Written by: npm run build && node tools/schemas.mjs
  expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(schema)))
})
