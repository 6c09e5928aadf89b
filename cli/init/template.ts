import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { UserError } from '../../dialect/user_error.js'
import { packageRoot, packageVersion } from '../package_root.js'

export const TEMPLATES = ['minimal', 'kafka', 'functions'] as const
export type Template = (typeof TEMPLATES)[number]

/** What every template has: package.json, ignored files, the workflow. */
const COMMON = 'common'

/** Names that npm would not pack as they are. */
const RENAMED: Record<string, string> = { gitignore: '.gitignore', github: '.github' }

/** Words in files that become the project's. */
const PLACEHOLDERS: Record<string, (name: string) => string> = {
  PROJECT_NAME: (name) => name,
  TPCTL_VERSION: () => packageVersion(),
}

/**
 * Writes the files of a template; answers their paths, sorted.
 * @throws UserError INIT_EXISTS: nothing is written then
 */
export async function writeTemplate(template: Template, dir: string): Promise<string[]> {
  const name =
    basename(dir)
      .replaceAll(/[^A-Za-z0-9_-]/g, '-')
      .toLowerCase() || 'pipeline'
  const files = new Map<string, string>()
  for (const part of [COMMON, template]) {
    const root = join(packageRoot(), 'templates', part)
    for (const source of await filesIn(root)) files.set(targetPath(relative(root, source)), source)
  }
  const paths = [...files.keys()].sort()
  const existing: string[] = []
  for (const path of paths) if (await exists(join(dir, path))) existing.push(path)
  if (existing.length > 0)
    throw new UserError('INIT_EXISTS', `There is a ${existing[0]} already.`, {
      where: dir,
      detail: existing.join('\n'),
      suggestion: 'Name an empty folder: tpctl init my-project',
    })
  for (const path of paths) {
    const target = join(dir, path)
    await mkdir(dirname(target), { recursive: true })
    const text = await readFile(files.get(path)!, 'utf8')
    await writeFile(target, filledIn(text, name))
  }
  return paths
}

async function filesIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

function targetPath(path: string): string {
  const [first, ...rest] = path.split(/[/\\]/)
  return join(RENAMED[first!] ?? first!, ...rest)
}

function filledIn(text: string, name: string): string {
  return Object.entries(PLACEHOLDERS).reduce(
    (filled, [word, value]) => filled.replaceAll(`__${word}__`, value(name)),
    text,
  )
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
