import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type PluginBuild } from 'esbuild'
import { UserError } from '../dialect/index.js'
import { type TpctlConfig, validateConfig } from './config.js'

export const CONFIG_FILES = ['tpctl.config.ts', 'tpctl.config.mts', 'tpctl.config.js', 'tpctl.config.mjs']

/**
 * Finds, loads and checks the config of the project in `dir`.
 * @throws UserError CONFIG_MISSING, CONFIG_LOAD, CONFIG_INVALID
 */
export async function loadConfig(dir: string): Promise<{ config: TpctlConfig; path: string }> {
  const path = CONFIG_FILES.map((name) => resolve(dir, name)).find((candidate) => existsSync(candidate))
  if (!path)
    throw new UserError('CONFIG_MISSING', `There is no tpctl.config.ts in ${resolve(dir)}.`, {
      suggestion: 'Go to a project folder or name one with --project.',
    })
  const module = await loadModule(path, 'CONFIG_LOAD')
  const result = validateConfig(module.default)
  if ('problems' in result)
    throw new UserError('CONFIG_INVALID', `The config is not valid: ${result.problems[0]}`, {
      where: path,
      detail: result.problems.join('\n'),
      suggestion: 'Export the config with `export default defineConfig({ … })`.',
    })
  for (const { tls, kafka } of Object.values(result.config.targets))
    for (const files of [tls, kafka, kafka?.broker]) makeAbsolute(files, dirname(path))
  return { config: result.config, path }
}

/** Paths of certificates are read from wherever a command runs. */
function makeAbsolute(files: Record<string, unknown> | undefined, folder: string): void {
  for (const name of ['ca', 'cert', 'key', 'clientCa']) {
    const path = files?.[name]
    if (typeof path === 'string') files![name] = resolve(folder, path)
  }
}

/**
 * Bundles a TypeScript or JavaScript module of the project and imports the bundle, so that a project needs no
 * TypeScript runtime. Imports of `tpctl` and of packages resolve as from the project, then as from this package.
 */
export async function loadModule(path: string, code: string): Promise<Record<string, unknown>> {
  const folder = await mkdtemp(join(tmpdir(), 'tpctl-module-'))
  const entry = compiledPath(path) ?? path
  try {
    const bundle = await build({
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      // Node's own conditions, without esbuild's `module`: what is named is loaded by Node.
      conditions: ['node'],
      format: 'esm',
      target: 'node20',
      write: false,
      logLevel: 'silent',
      absWorkingDir: dirname(entry),
      plugins: [
        {
          name: 'packages',
          setup(build) {
            build.onResolve({ filter: /^[^./]/ }, ({ path: name, importer, kind, pluginData }) => {
              if (kind === 'entry-point' || pluginData === RESOLVING) return undefined
              return name.startsWith('node:')
                ? { path: name, external: true }
                : resolvePackage(build, name, importer)
            })
            // A function's definition names its own file, which must not become the bundle's.
            build.onLoad({ filter: /\.[cm]?[jt]s$/ }, async ({ path: file }) => ({
              contents: (await readFile(file, 'utf8')).replaceAll(
                'import.meta.url',
                JSON.stringify(pathToFileURL(file).href),
              ),
              loader: file.endsWith('ts') ? 'ts' : 'js',
            }))
            build.onResolve({ filter: /^\.\.?\// }, ({ path: name, resolveDir }) => {
              const compiled = compiledPath(resolve(resolveDir, name))
              return compiled ? { path: compiled } : undefined
            })
          },
        },
      ],
    })
    const file = join(folder, 'module.mjs')
    await writeFile(file, bundle.outputFiles[0]!.text)
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new UserError(code, `${path} cannot be loaded.`, { where: path, detail: message, cause })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Marks a question of ours to esbuild's resolver, so that it is not asked of us again. */
const RESOLVING = Symbol('resolving')

/**
 * Packages are imported, not bundled: by their full path, since the bundle lies in a temporary folder. esbuild finds
 * the file that an `import` means, which for many packages is another one than `require` would get.
 */
async function resolvePackage(
  build: PluginBuild,
  name: string,
  importer: string,
): Promise<{ path: string; external: boolean }> {
  if (name === 'tpctl') return { path: ownEntry(), external: false }
  if (isBuiltin(name)) return { path: name, external: true }
  for (const from of [importer, fileURLToPath(import.meta.url)]) {
    const found = await build.resolve(name, {
      kind: 'import-statement',
      resolveDir: dirname(from),
      pluginData: RESOLVING,
    })
    if (found.errors.length === 0) return { path: pathToFileURL(found.path).href, external: true }
  }
  return { path: name, external: true }
}

/** What `import … from 'tpctl'` means in a project: this package's own public module. */
function ownEntry(): string {
  const own = fileURLToPath(import.meta.url)
  return join(dirname(own), `public${extname(own)}`)
}

/**
 * An installed package carries its sources only compiled, in `dist`, but the config of the project that comes with it
 * names them as in the repository. Undefined unless `path` is such a source.
 */
export function compiledPath(path: string): string | undefined {
  const own = dirname(fileURLToPath(import.meta.url))
  const dist = dirname(own)
  const root = dirname(dist)
  if (basename(dist) !== 'dist' || relative(root, path).startsWith('..')) return undefined
  if (existsSync(path) || existsSync(path.replace(/\.js$/, '.ts'))) return undefined
  const compiled = join(dist, relative(root, path)).replace(/\.ts$/, '.js')
  return existsSync(compiled) ? compiled : undefined
}
