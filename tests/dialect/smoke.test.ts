// Every statement of Proton's own smoke suite, where that suite lies beside the repository.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseStatement, printStatement } from '../../dialect/index.js'
import { bare } from './support.js'

const folder = new URL('../../../shared/proton/', import.meta.url)
const smoke = new URL('smoke/', folder)
const transcripts = new URL('real-1.6.1/transcripts.jsonl', folder)
const present = existsSync(smoke) && existsSync(transcripts)
if (!present) console.warn('skipped: no smoke suite at ../shared/proton')

/** JSON whose strings may hold raw control characters. */
function lenientJson(text: string): unknown {
  let inString = false
  let out = ''
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (inString && c === '\\') out += c + text[++i]
    else if (inString && c < ' ') out += `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
    else out += c
    if (c === '"') inString = !inString
  }
  return JSON.parse(out)
}

function queries(value: unknown, found: Set<string>): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if ((key === 'query' || key === 'create_sql') && typeof inner === 'string') found.add(inner)
    else queries(inner, found)
  }
}

describe.skipIf(!present)('what a real server accepted', () => {
  it('smoke suite: parses, and printing is a fixed point', () => {
    const found = new Set<string>()
    for (const file of readdirSync(smoke).filter((name) => /^0.*\.json$/.test(name))) {
      queries(lenientJson(readFileSync(new URL(file, smoke), 'utf8')), found)
    }
    expect(found.size).toBeGreaterThan(2000)
    for (const sql of found) {
      const statement = parseStatement(sql, { strict: true })
      const text = printStatement(statement)
      const again = parseStatement(text, { strict: true })
      expect(bare(again), sql).toEqual(bare(statement))
      expect(printStatement(again), sql).toBe(text)
      const old = printStatement(statement, { edition: 'oss-1.6', pretty: true })
      expect(bare(parseStatement(old)), sql).toEqual(bare(statement))
    }
  })

  it('transcripts: parses what was answered with 200', () => {
    const lines = readFileSync(transcripts, 'utf8').split('\n').filter(Boolean)
    let count = 0
    for (const line of lines) {
      const entry = JSON.parse(line) as { body?: string; path: string; status?: number }
      if (entry.status !== 200 || !entry.body || entry.path.startsWith('/proton')) continue
      expect(() => parseStatement(entry.body!, { strict: true }), entry.body).not.toThrow()
      count++
    }
    expect(count).toBeGreaterThan(60)
  })
})
