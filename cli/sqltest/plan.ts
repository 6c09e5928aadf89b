import { relative } from 'node:path'
import { UserError } from '../../dialect/index.js'
import { readTestFile, type TestCase, type TestFile } from './format.js'
import type { PlacedTest } from './run_test.js'
import type { PlacedStep } from './site.js'

/** Tests that share a site: one, or all of a file. */
export interface Job {
  file: TestFile
  /** Absolute path. */
  path: string
  /** Relative to the project. */
  shown: string
  /** Steps once before the tests. */
  given: readonly PlacedStep[]
  tests: readonly JobTest[]
}

export interface JobTest extends PlacedTest {
  /** Among all tests of the run. */
  position: number
  /** `file:line:column`. */
  where: string
}

/** The tests of the files, in order. `filter`: only those whose `file: name` holds it. */
export function planJobs(
  paths: readonly string[],
  { projectDir, filter }: { projectDir: string; filter?: string },
): Job[] {
  let position = 0
  return paths.flatMap((path): Job[] => {
    const shown = relative(projectDir, path)
    const { value: file, where } = readTestFile(path, shown)
    checkNames(file, where)
    const place = (steps: TestCase['given'], prefix: PropertyKey[]): PlacedStep[] =>
      steps.map((step, i) => ({ step, where: where([...prefix, i]) }))
    const given = place(file.given, ['given'])
    const tests = file.tests.flatMap((test, index): JobTest[] =>
      filter !== undefined && !`${shown}: ${test.name}`.includes(filter)
        ? []
        : [
            {
              test,
              steps: [...(file.shared ? [] : given), ...place(test.given, ['tests', index, 'given'])],
              expectedAt: (i) => where(['tests', index, 'expect', i]),
              position: position++,
              where: where(['tests', index]),
            },
          ],
    )
    if (tests.length === 0) return []
    const job = { file, path, shown }
    return file.shared
      ? [{ ...job, given, tests }]
      : tests.map((test) => ({ ...job, given: [], tests: [test] }))
  })
}

function checkNames(file: TestFile, where: (path: PropertyKey[]) => string): void {
  const names = new Set<string>()
  for (const [index, { name }] of file.tests.entries()) {
    if (names.has(name))
      throw new UserError('TEST_FILE_INVALID', `Two tests are called '${name}'.`, {
        where: where(['tests', index, 'name']),
        suggestion: 'Give each its own name.',
      })
    names.add(name)
  }
}
