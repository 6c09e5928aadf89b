import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { UserError } from '../../dialect/index.js'

const FOLDER = 'tests'
const SUFFIX = '.test.yaml'

/**
 * The test files of a project, sorted: all of `tests/`, or those that are named, by path or by folder.
 * @throws UserError TEST_FILE_MISSING
 */
export function testFiles(projectDir: string, named: readonly string[]): string[] {
  const roots = named.length > 0 ? named.map((path) => resolve(path)) : [join(projectDir, FOLDER)]
  const files = roots.flatMap((root) => {
    if (!existsSync(root)) {
      if (named.length === 0) return []
      throw new UserError('TEST_FILE_MISSING', `There is no ${relative(process.cwd(), root)}.`, {
        suggestion: 'Name test files or folders with test files.',
      })
    }
    if (!statSync(root).isDirectory()) return [root]
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith(SUFFIX) && !path.split(/[/\\]/).includes('node_modules'))
      .map((path) => join(root, path))
  })
  return [...new Set(files)].sort()
}
