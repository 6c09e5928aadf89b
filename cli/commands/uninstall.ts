import type { Command } from 'commander'
import { loadConfig } from '../../bootstrap/config_loader.js'
import { resolveTarget } from '../../bootstrap/target.js'
import { action } from '../context.js'
import { uninstall } from '../install/index.js'

export function registerUninstall(program: Command): void {
  program
    .command('uninstall')
    .description('stop and remove the server that bootstrap --install put on this machine; its data stays')
    .option('--purge', 'delete its data, too')
    .action(
      action<{ purge?: boolean }, []>(async (context, { purge = false }) => {
        const { output, projectDir, stateDir } = context
        const { config } = await loadConfig(projectDir)
        const target = resolveTarget(config, context.target, process.env)
        const removed = await uninstall(target, stateDir, purge)
        if (!removed) output.line(`Nothing is installed for ${target.name}.`)
        else {
          const data = removed.purged ? 'Its data is deleted.' : 'Its data stays for the next --install.'
          output.line(`${removed.edition} ${removed.version} is removed. ${data}`)
        }
        output.result({ removed: removed !== undefined, ...removed })
      }),
    )
}
