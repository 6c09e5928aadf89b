import { type Guides, UNREACHABLE, WRONG_USAGE } from './guide.js'

export const CHECK_GUIDES: Guides = {
  lint: {
    behaviour:
      'Compiles the project for its target, or for the --edition given, and looks for what compiles and is a mistake all the same; each finding has its place, the reason and what to write instead. docs/lint.md has every rule with examples. A comment with a reason switches a rule off: -- tpctl-lint disable=CODE reason',
    sideEffects: 'Nothing; needs no engine.',
    recovery: 'Correct what is found, or say why it is right.',
    exitCodes: {
      0: 'no errors',
      1: 'an error, or with --strict a warning; or the project does not compile',
      2: WRONG_USAGE,
    },
  },
  test: {
    behaviour:
      'Runs tests/**/*.test.yaml, or the files and folders that are named. Each test gets a database of its own on an engine of this process with the objects it needs: it gives rows to streams, waits until the views have worked through them, and compares. Time is the test’s: event time stands in the rows, and `advance` moves the clock of periods and timeouts, so nothing is waited for. Remote functions are answered by stubs or the recorded provider. Tests of a file with `shared: true` go one after the other through the same views, which is faster. schemas/test.schema.json describes the files.',
    sideEffects:
      'A folder in memory or the temporary folder, gone at the end. With --target: databases, topics and functions on that server whose names begin with tpctl_test_, gone at the end; tests that move the clock far are skipped there.',
    recovery:
      'A test that fails shows the rows that are missing (-), unexpected (+) or different (~), and where the expectation stands. --filter runs one alone, --watch runs again what a change may have changed.',
    exitCodes: {
      0: 'all passed',
      1: 'a test failed, or a file is not right',
      2: WRONG_USAGE,
      4: UNREACHABLE,
    },
  },
  smoke: {
    behaviour:
      'Asks the deployed pipeline for row counts, freshness, uniqueness and NULLs, again and again until all is as tests/smoke.yaml says or the deadline is over.',
    sideEffects: 'Nothing but the file of --junit.',
    recovery: 'Each check that failed says what is missing; `tpctl status` shows where rows stop.',
    exitCodes: { 0: 'all checks passed', 1: 'a check failed', 2: WRONG_USAGE, 4: UNREACHABLE },
  },
}
