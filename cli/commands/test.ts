import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { action, type Context } from '../context.js'
import { EXIT } from '../exit.js'
import { junitXml } from '../junit.js'
import type { Bench } from '../sqltest/bench.js'
import { CoverageRecorder } from '../sqltest/coverage.js'
import { testFiles } from '../sqltest/discover.js'
import { openEmbeddedBench } from '../sqltest/embedded_bench.js'
import { countsOf, countsText, junitCase, showCoverage, testReporter } from '../sqltest/report.js'
import { newStage, runTests, type TestResult, type TestStage } from '../sqltest/run.js'
import { openServerBench } from '../sqltest/server_bench.js'
import { startStubServer } from '../sqltest/stub_server.js'
import { changedFiles } from '../sqltest/watch.js'
import { openTarget } from '../target.js'

interface TestOptions {
  filter?: string
  junit?: string
  coverage?: boolean
  watch?: boolean
}

export function registerTest(program: Command): void {
  program
    .command('test [files...]')
    .description('run the SQL tests of the project, tests/**/*.test.yaml; with --target on that server')
    .option('--filter <text>', 'only tests whose file or name holds this')
    .option('--watch', 'run again what a change of the files may have changed, until Ctrl-C')
    .option('--coverage', 'tell which views and which branches of CASE and if no test reaches')
    .option('--junit <path>', 'write the results as JUnit XML, too')
    .action(
      action<TestOptions, [string[]]>(async (context, options, named) => {
        const bench = await openBench(context)
        const stubs = await startStubServer()
        try {
          const stage = newStage(bench, stubs)
          const results = await testOnce(context, options, stage, named)
          if (options.watch) await keepTesting(context, options, stage, named)
          return countsOf(results).failed === 0 ? EXIT.ok : EXIT.failed
        } finally {
          await stubs.close()
          await bench.close()
        }
      }),
    )
}

/** The engine of this process, unless a target is named. */
async function openBench(context: Context): Promise<Bench> {
  if (context.target === undefined) return openEmbeddedBench()
  const { target, client } = await openTarget(context)
  await client.close()
  return openServerBench(target)
}

async function testOnce(
  context: Context,
  options: TestOptions,
  stage: TestStage,
  named: readonly string[],
): Promise<TestResult[]> {
  const { output, projectDir, signal } = context
  const started = performance.now()
  const recorder = options.coverage ? new CoverageRecorder() : undefined
  const results = await runTests(stage, {
    projectDir,
    files: testFiles(projectDir, named),
    filter: options.filter,
    target: context.target,
    signal,
    observe: recorder?.observe,
    onResult: testReporter(output),
  })
  const seconds = (performance.now() - started) / 1000
  const counts = countsOf(results)
  const coverage = recorder?.report()
  if (options.junit !== undefined)
    await writeFile(resolve(options.junit), junitXml('tpctl test', results.map(junitCase)))
  output.line()
  if (coverage) showCoverage(output, coverage)
  output.line(`${countsText(counts)} in ${seconds.toFixed(1)} s`)
  // One document a command: the runs of --watch have none.
  if (!options.watch) output.result({ ...counts, seconds, tests: results, coverage })
  return results
}

/** Runs a test file that changed; everything where the change is elsewhere. Ends with Ctrl-C. */
async function keepTesting(
  context: Context,
  options: TestOptions,
  stage: TestStage,
  named: readonly string[],
): Promise<void> {
  const { output, projectDir, signal } = context
  const changes = changedFiles(projectDir, signal)
  await stage.bench.sweep()
  output.line('Waiting for changes; Ctrl-C ends it.')
  for await (const changed of changes) {
    const tests = testFiles(projectDir, named)
    const onlyTests = [...changed].every((path) => tests.includes(path))
    output.line()
    try {
      await testOnce(context, options, stage, onlyTests ? [...changed] : named)
    } catch (error) {
      if (signal.aborted) return
      output.failure(error, context.debug)
    }
    await stage.bench.sweep()
  }
}
