import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { configSchema } from '../bootstrap/config.js'
import { loadConfig } from '../bootstrap/config_loader.js'
import { generatedFiles } from '../cli/generated_files.js'
import { GUIDES } from '../cli/guides/index.js'
import { leafCommands } from '../cli/guides/render.js'
import { createProgram } from '../cli/program.js'
import { testFile } from '../cli/sqltest/format.js'
import { PATTERN_NAMES } from '../cli/sqltest/match.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

const files = await generatedFiles()

describe('what is made from the code', () => {
  it.each(Object.entries(files))('%s is up to date (npm run build && npm run docs)', (path, text) => {
    // Formatting of JSON is the formatter's.
    if (path.endsWith('.json')) expect(JSON.parse(read(path))).toEqual(JSON.parse(text))
    else expect(read(path)).toBe(text)
  })

  it('has no page of a command that is gone', () => {
    const made = Object.keys(files)
    const there = readdirSync(join(root, 'docs/commands')).map((name) => `docs/commands/${name}`)
    expect(there.filter((path) => !made.includes(path))).toEqual([])
  })

  it('llms.txt names only files that are there', () => {
    const links = [...read('llms.txt').matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1]!)
    expect(links.length).toBeGreaterThan(20)
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })
})

describe('docs/testing.md', () => {
  const blocks = [...read('docs/testing.md').matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!)

  it('shows files that are right', () => {
    expect(blocks.length).toBeGreaterThan(4)
    for (const block of blocks) expect(testFile.safeParse(parse(block)).error, block).toBeUndefined()
  })

  it('has every pattern, and every key of a step and of an expectation', () => {
    const text = read('docs/testing.md')
    for (const pattern of PATTERN_NAMES) expect(text).toContain(pattern)
    const { properties } = z.toJSONSchema(testFile, { io: 'input' }) as unknown as { properties: Schema }
    const test = properties.tests!.items!.properties!
    for (const keys of [test, test.given!.items!.properties!, test.expect!.items!.properties!])
      for (const key of Object.keys(keys)) expect(text, key).toMatch(new RegExp(`\\b${key}\\b`))
  })
})

describe('docs/targets.md', () => {
  const text = read('docs/targets.md')

  it('shows a config that is right, and has every key of a target', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tpctl-docs-'))
    writeFileSync(join(dir, 'tpctl.config.ts'), /```ts\n([\s\S]*?)```/.exec(text)![1]!)
    const { config } = await loadConfig(dir)
    rmSync(dir, { recursive: true })
    expect(Object.keys(config.targets)).toEqual(['production', 'embedded'])
    const { properties } = z.toJSONSchema(configSchema, { io: 'input' }) as unknown as {
      properties: {
        targets: { additionalProperties: { properties: Record<string, { properties?: object }> } }
      }
    }
    const target = properties.targets.additionalProperties.properties
    for (const key of [...Object.keys(target), ...Object.keys(target.kafka!.properties!)])
      expect(text, key).toMatch(new RegExp(`\\b${key}\\b`))
  })

  it('has every code of what brokers refuse', () => {
    const codes = [
      'driver/broker_errors.ts',
      'bootstrap/brokers.ts',
      'cli/embedded/own_broker.ts',
      'bootstrap/topics.ts',
    ]
      .flatMap((path) => [...read(path).matchAll(/'(BROKER_[A-Z_]+)'/g)])
      .map((match) => match[1]!)
    expect(new Set(codes).size).toBeGreaterThan(8)
    for (const code of codes) expect(text).toContain(`\`${code}\``)
  })
})

type Schema = Record<string, { items?: { properties?: Schema } }>

/** The file of each command, by its first word. */
const SOURCES = new Map(
  readdirSync(join(root, 'cli/commands')).flatMap((name) => {
    const text = read(`cli/commands/${name}`)
    return [...text.matchAll(/(?:program|\w+)\s*\.command\('([a-z-]+)/g)].map(
      (match) => [match[1]!, text] as const,
    )
  }),
)

const program = await createProgram()

describe('guides', () => {
  const leaves = leafCommands(program)
  const guided = leaves.filter(({ words }) => words.join(' ') in GUIDES)

  it('are there for every command, and for nothing else (write them in cli/guides, then npm run docs)', () => {
    expect(Object.keys(GUIDES).sort()).toEqual(leaves.map(({ words }) => words.join(' ')).sort())
  })

  it.each(guided.map(({ words, command }) => [words.join(' '), words, command] as const))(
    '%s: names options that exist',
    (name, _words, command) => {
      const { behaviour, sideEffects, recovery, exitCodes } = GUIDES[name]!
      const known = [...command.options, ...program.options].flatMap(({ long, short }) => [long, short])
      const text = [behaviour, sideEffects, recovery, ...Object.values(exitCodes)].join(' ')
      // Options in `tpctl other --option` are another command's.
      const own = text.replaceAll(/`[^`]*`/g, '')
      for (const [option] of own.matchAll(/(?<![\w-])--[a-z][a-z-]*/g))
        expect(known, option).toContain(option)
      for (const [, called] of text.matchAll(/`tpctl ([a-z-]+(?: [a-z]+)?)/g))
        expect(
          leaves.some(
            ({ words }) => called!.startsWith(words.join(' ')) || words.join(' ').startsWith(called!),
          ),
          called,
        ).toBe(true)
    },
  )

  it.each(guided.map(({ words }) => [words.join(' '), words] as const))(
    '%s: names the exit codes that its code has',
    (name, words) => {
      const source = SOURCES.get(words[0]!)
      expect(source, `${words[0]} is registered in no file of cli/commands`).toBeDefined()
      const codes = Object.keys(GUIDES[name]!.exitCodes).map(Number)
      expect(codes).toContain(0)
      expect(codes).toContain(2)
      expect(codes.includes(3)).toBe(/EXIT\.changes/.test(source!))
      // A file with several commands may hold some that need no target.
      const needsTarget = /\b(openTarget|openProject|withPlan|withRunner|withLetters)\b/.test(source!)
      if (codes.includes(4)) expect(needsTarget || /feed|Pipeline|brokers/.test(source!)).toBe(true)
      else if (words.length === 1)
        expect(needsTarget, 'it opens a target, which may not answer: exit code 4').toBe(false)
    },
  )
})
