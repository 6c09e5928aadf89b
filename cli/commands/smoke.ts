import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { assertReachable } from '../../bootstrap/live.js'
import { action } from '../context.js'
import { EXIT } from '../exit.js'
import { type JunitCase, junitXml } from '../junit.js'
import { parseDuration } from '../options.js'
import { readSmokeFile, smokeCases } from '../smoke/checks.js'
import { runSmoke, type SmokeResult } from '../smoke/run.js'
import { openTarget } from '../target.js'

interface SmokeOptions {
  file: string
  deadline?: number
  junit?: string
}

export function registerSmoke(program: Command): void {
  program
    .command('smoke')
    .description('check row counts, freshness, uniqueness and NULLs of the views')
    .option('--file <path>', 'the checks, relative to the project', 'tests/smoke.yaml')
    .option('--deadline <duration>', "how long to wait, instead of the file's deadline", parseDuration)
    .option('--junit <path>', 'write the results as JUnit XML, too')
    .action(
      action<SmokeOptions, []>(async (context, options) => {
        const { output } = context
        const file = readSmokeFile(resolve(context.projectDir, options.file))
        const { client } = await openTarget(context)
        try {
          // A view that is short of rows is waited for; a target that is not there is not.
          await assertReachable(client, context.signal)
          const ask = async (sql: string) => {
            const [row] = await client.rows<{ value: string | number }>(sql, { signal: context.signal })
            return Number(row?.value ?? 0)
          }
          const results = await runSmoke(smokeCases(file), ask, {
            deadlineMs: options.deadline ?? file.deadline,
            signal: context.signal,
            onResult: (result) =>
              output.line(
                result.passed
                  ? `${output.color('green', 'ok  ')} ${result.title}`
                  : `${output.color('red', 'FAIL')} ${result.title}: ${result.message}`,
              ),
          })
          if (options.junit !== undefined)
            await writeFile(resolve(options.junit), junitXml('tpctl smoke', results.map(junitCase)))
          const failed = results.filter((result) => !result.passed)
          output.line()
          output.line(`${results.length - failed.length} passed, ${failed.length} failed`)
          output.result({ passed: results.length - failed.length, failed: failed.length, results })
          return failed.length === 0 ? EXIT.ok : EXIT.failed
        } finally {
          await client.close()
        }
      }),
    )
}

function junitCase({ view, title, seconds, passed, message }: SmokeResult): JunitCase {
  return { group: view, title, seconds, failure: passed ? undefined : message }
}
