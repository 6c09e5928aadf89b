import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** A source beside this file, as TypeScript in the tree and as JavaScript when built. */
function sourceFile(name: string): string {
  const typescript = fileURLToPath(new URL(`./worker/${name}.ts`, import.meta.url))
  return existsSync(typescript) ? typescript : fileURLToPath(new URL(`./worker/${name}.js`, import.meta.url))
}

/**
 * Writes the two scripts that a child needs to `directory`, each in one file, so that the child needs to
 * read nothing else: `worker.cjs` (Node) and `sandbox.js` (a script that evaluates to `__udf`).
 */
export async function bundleWorker(directory: string): Promise<void> {
  const common = { bundle: true, target: 'es2022', write: true, logLevel: 'silent' } as const
  await Promise.all([
    build({
      ...common,
      entryPoints: [sourceFile('main')],
      platform: 'node',
      format: 'cjs',
      outfile: join(directory, 'worker.cjs'),
    }),
    build({
      ...common,
      entryPoints: [sourceFile('sandbox')],
      platform: 'neutral',
      format: 'iife',
      globalName: '__udf',
      outfile: join(directory, 'sandbox.js'),
    }),
  ])
}
