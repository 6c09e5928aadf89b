// Writes what is made from the code: npm run build && npm run docs. A test fails where it was forgotten.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generatedFiles } from '../dist/cli/generated_files.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
for (const [path, text] of Object.entries(await generatedFiles())) {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
  console.log(path)
}
