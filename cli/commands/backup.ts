import { resolve } from 'node:path'
import type { Command } from 'commander'
import { action } from '../context.js'
import { backup, restore } from '../embedded/backup.js'
import { packageVersion } from '../package_root.js'

export function registerBackup(program: Command): void {
  program
    .command('backup <file>')
    .description('write the embedded engine’s data into one tar.gz; the engine stands still meanwhile')
    .action(
      action<object, [string]>(async ({ output, projectDir, stateDir }, _options, name) => {
        const file = resolve(name)
        const onStep = (text: string) => output.note(text)
        const { bytes } = await backup({ projectDir, stateDir, onStep }, file, packageVersion())
        output.line(`${file}: ${(bytes / 1024 / 1024).toFixed(1)} MB`)
        output.result({ file, bytes })
      }),
    )
}

export function registerRestore(program: Command): void {
  program
    .command('restore <file>')
    .description('put a backup in the place of the embedded engine’s data, which is moved aside')
    .option('--force', 'also where there is data already')
    .action(
      action<{ force?: boolean }, [string]>(async ({ output, projectDir, stateDir }, options, name) => {
        const onStep = (text: string) => output.note(text)
        const { manifest, aside } = await restore({ projectDir, stateDir, onStep }, resolve(name), options)
        output.line(`Restored the state of ${manifest.createdAt}.`)
        if (aside !== undefined) output.line(`What was there is in ${aside}.`)
        output.result({ createdAt: manifest.createdAt, aside })
      }),
    )
}
