import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Who may import whom (besides itself). `udfs/runtime` is the kit; `udfs` holds the flagship's functions. */
const ALLOWED: Record<string, string[]> = {
  cli: ['bootstrap', 'scripts', 'udfs/runtime', 'engine', 'driver', 'dialect'],
  bootstrap: ['udfs/runtime', 'driver', 'dialect'],
  scripts: ['driver', 'dialect'],
  udfs: ['udfs/runtime', 'driver', 'dialect'],
  'udfs/runtime': ['driver', 'dialect'],
  engine: ['driver', 'dialect'],
  driver: [],
  dialect: [],
}

function roomOf(path: string): string {
  return path.startsWith('udfs/runtime/') ? 'udfs/runtime' : path.split('/')[0]!
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

function importsOf(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    relative(root, resolve(root, dirname(path), match[1]!)),
  )
}

describe('imports run one way', () => {
  for (const room of Object.keys(ALLOWED)) {
    it(room, () => {
      const wrong = sources(room)
        .filter((path) => roomOf(path) === room)
        .flatMap((path) =>
          importsOf(path)
            .filter((target) => roomOf(target) !== room && !ALLOWED[room]!.includes(roomOf(target)))
            .map((target) => `${path} → ${target}`),
        )
      expect(wrong).toEqual([])
    })
  }

  it('every room exists and has sources', () => {
    for (const room of Object.keys(ALLOWED)) expect(sources(room).length, room).toBeGreaterThan(0)
  })

  it('the engine and the kit do not know the flagship', () => {
    const flagship = /jupiter|birdeye|solana|trending/i
    const wrong = [...sources('engine'), ...sources('driver'), ...sources('dialect')].filter((path) =>
      flagship.test(readFileSync(join(root, path), 'utf8')),
    )
    expect(wrong).toEqual([])
  })
})
