import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { generatedFiles } from '../cli/generated_files.js'

const root = fileURLToPath(new URL('..', import.meta.url))

it.each(Object.keys(generatedFiles()))(
  '%s is as the code makes it (npm run build && npm run docs)',
  (path) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(generatedFiles()[path])
  },
)
