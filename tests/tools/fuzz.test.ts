/** The fuzzers for a moment each; for long by hand: `npm run fuzz:sql|http|kafka -- --count N --seed S`. */
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'

const tool = (name: string) => fileURLToPath(new URL(`../../tools/fuzz/${name}.mjs`, import.meta.url))

describe('what nobody would send', () => {
  it.each([
    ['sql', 2000],
    ['http', 300],
    ['kafka', 200],
  ])('%s: no crash, no silence, no lost rejection', async (name, count) => {
    const { stdout, stderr, exitCode } = await execa(
      process.execPath,
      [tool(name), '--count', String(count), '--seed', '20', '--hang-ms', '30000'],
      { reject: false },
    )
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
    expect(stdout).toContain('"longestSilenceMs"')
  })
})
