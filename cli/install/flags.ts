import type { Command } from 'commander'
import { loadConfig } from '../../bootstrap/config_loader.js'
import { resolveTarget } from '../../bootstrap/target.js'
import { UserError } from '../../dialect/user_error.js'
import type { Context } from '../context.js'
import { type Installed, install } from './index.js'

export interface InstallFlags {
  install?: boolean
  version?: string
  sha256?: string
  from?: string
}

export function withInstallFlags(command: Command): Command {
  return command
    .option('--install', 'first install and start the server of the target on this machine')
    .option('--version <version>', 'which release to install')
    .option('--sha256 <sum>', 'what the fetched file must sum up to')
    .option('--from <place>', 'URL or file to install instead of the vendor’s release')
}

/** What is installed for the target, where `--install` asks for it. */
export async function installTarget(context: Context, flags: InstallFlags): Promise<Installed | undefined> {
  const { output, projectDir, stateDir, signal } = context
  if (!flags.install) {
    const alone = (['version', 'sha256', 'from'] as const).find((name) => flags[name] !== undefined)
    if (alone === undefined) return undefined
    throw new UserError('USAGE', `--${alone} goes with --install.`, { suggestion: 'Add --install.' })
  }
  const { config } = await loadConfig(projectDir)
  const target = resolveTarget(config, context.target, process.env)
  const installed = await install(target, {
    ...{ stateDir, signal, version: flags.version, sha256: flags.sha256, from: flags.from },
    passwordVariable: config.targets[target.name]!.passwordVariable,
    onStep: (text) => output.note(text),
    progress: (label, total) => output.progress(label, total),
  })
  const name = `${installed.edition} ${installed.version}`
  const told = { installed: 'is installed and up', started: 'is up again', present: 'is up' }
  output.line(`${name} ${told[installed.outcome]} at ${target.url}`)
  if (installed.user === 'made') output.line(`user ${target.username} made`)
  return installed
}
