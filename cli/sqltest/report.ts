import type { JunitCase } from '../junit.js'
import type { Output } from '../output.js'
import type { Coverage } from './coverage.js'
import type { Failure } from './expectations.js'
import type { TestResult } from './run.js'

/** Writes results as they come: a line a file, and what is wrong with each test that failed. */
export function testReporter(output: Output): (result: TestResult) => void {
  let file = ''
  return (result) => {
    if (result.file !== file) {
      file = result.file
      output.line(output.color('bold', file))
    }
    const seconds = output.color('dim', `${Math.round(result.seconds * 1000)} ms`)
    if (result.skipped !== undefined)
      output.line(`  ${output.color('yellow', '-')} ${result.name}  ${output.color('dim', result.skipped)}`)
    else if (result.passed) output.line(`  ${output.color('green', '✓')} ${result.name}  ${seconds}`)
    else {
      output.line(`  ${output.color('red', '✗')} ${result.name}  ${seconds}`)
      for (const failure of result.failures) showFailure(output, failure)
    }
  }
}

function showFailure(output: Output, { what, detail, where }: Failure): void {
  output.line(`      ${what}${where ? `  ${output.color('dim', where)}` : ''}`)
  for (const line of detail.split('\n')) {
    const style = line.startsWith('-')
      ? 'red'
      : line.startsWith('+')
        ? 'green'
        : line.startsWith('~')
          ? 'yellow'
          : 'dim'
    output.line(`      ${output.color(style, line)}`)
  }
}

export interface TestCounts {
  passed: number
  failed: number
  skipped: number
}

export function countsOf(results: readonly TestResult[]): TestCounts {
  const skipped = results.filter((result) => result.skipped !== undefined).length
  const passed = results.filter((result) => result.passed).length
  return { passed, skipped, failed: results.length - passed - skipped }
}

export function countsText({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

export function junitCase({ file, name, seconds, passed, skipped, failures }: TestResult): JunitCase {
  const failure = failures.map(({ what, detail }) => `${what}\n${detail}`).join('\n')
  return {
    group: file,
    title: name,
    seconds,
    skipped,
    failure: passed || skipped !== undefined ? undefined : failure,
  }
}

/** Branches shown; the rest is counted. */
const MAX_BRANCHES = 20

export function showCoverage(output: Output, { views, branches, unmeasured }: Coverage): void {
  output.line(
    output.color(
      'bold',
      `Coverage: ${views.tested} of ${views.total} views, ${branches.taken} of ${branches.total} branches`,
    ),
  )
  for (const view of views.untested) output.line(`  ${output.color('yellow', view)} is in no test`)
  for (const { view, where } of branches.missed.slice(0, MAX_BRANCHES))
    output.line(`  ${output.color('yellow', where)} no row takes this branch of ${view}`)
  const more = branches.missed.length - MAX_BRANCHES
  if (more > 0) output.line(`  … and ${more} more`)
  for (const { view, reason } of unmeasured)
    output.line(`  ${view} cannot be watched: ${reason.split('\n')[0]}`)
  output.line()
}
