import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Launcher } from './store_config.js'

/** Node itself, the stacks of its threads, and one block of rows on its way in and out. */
const BUFFERS_MB = 640

/**
 * Writes the scripts that start children. A child reads its folder and nothing else, writes nothing, starts
 * nothing, loads no native code; where Node can tell, only remote functions use the network. JavaScript sees
 * neither the engine's environment nor its time zone: dates print the same everywhere.
 */
export async function writeLaunchers(scriptsDir: string, readableDir: string, heapMb: number): Promise<void> {
  const known = process.allowedNodeEnvironmentFlags
  const flags = [
    '--no-warnings',
    `--max-old-space-size=${heapMb}`,
    '--max-semi-space-size=8',
    known.has('--permission') ? '--permission' : '--experimental-permission',
    `--allow-fs-read=${readableDir}/*`,
  ]
  const emptyEnvironment =
    'env -i PATH="$PATH" TZ=UTC ${LD_LIBRARY_PATH:+"LD_LIBRARY_PATH=$LD_LIBRARY_PATH"} '
  const commands: Record<Launcher, string> = {
    javascript: `${emptyEnvironment}${nodeCommand(scriptsDir, flags)}`,
    // Certificates of one's own are named in the environment.
    remote: nodeCommand(scriptsDir, known.has('--allow-net') ? [...flags, '--allow-net'] : flags),
  }
  for (const [name, command] of Object.entries(commands)) {
    // Buffers live outside the heap; a shell that cannot limit them leaves them unlimited.
    const limit = `ulimit -d ${(heapMb + BUFFERS_MB) * 1024} 2>/dev/null`
    const script = `#!/bin/sh\n${limit}\nunset NODE_OPTIONS\nexec ${command} "$@"\n`
    await writeFile(join(scriptsDir, name), script, { mode: 0o700 })
  }
}

function nodeCommand(scriptsDir: string, flags: readonly string[]): string {
  return [process.execPath, ...flags, join(scriptsDir, 'worker.cjs')].map(shellQuote).join(' ')
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
