import { rm } from 'node:fs/promises'
import type { Command } from 'commander'
import { action } from '../context.js'
import { stateFiles, takeDown } from '../embedded/lifecycle.js'

export function registerDown(program: Command): void {
  program
    .command('down')
    .description('stop the embedded engine and the UDF gateway; data stays')
    .option('--purge', 'delete the data, too')
    .action(
      action<{ purge?: boolean }, []>(async ({ output, stateDir }, options) => {
        const stopped = await takeDown(stateDir)
        if (options.purge) await rm(stateFiles(stateDir).engineDir, { recursive: true, force: true })
        const data = options.purge ? 'Its data is deleted.' : 'Its data stays for the next `tpctl up`.'
        output.line(
          stopped
            ? `The embedded engine is down. ${data}`
            : `The embedded engine was not running. ${options.purge ? data : ''}`.trim(),
        )
        output.result({ stopped, purged: options.purge ?? false })
      }),
    )
}
