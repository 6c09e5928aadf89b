import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { loadConfig } from '../../bootstrap/config_loader.js'
import { UserError } from '../../dialect/user_error.js'
import { clientModule } from '../codegen/module.js'
import { typedRelations } from '../codegen/relations.js'
import { action } from '../context.js'

interface CodegenOptions {
  out?: string
  check?: boolean
}

export function registerCodegen(program: Command): void {
  program
    .command('codegen')
    .description('write TypeScript types of the rows of all streams and views, and a client that knows them')
    .option('--out <path>', 'write to a file instead of standard output')
    .option('--check', 'write nothing; fail where the file is not as it would be written')
    .action(
      action<CodegenOptions, []>(async ({ output, projectDir, signal }, { out, check }) => {
        if (check && out === undefined)
          throw new UserError('USAGE', '--check needs the file: --out <path>', {
            suggestion: 'tpctl codegen --check --out src/streams.ts',
          })
        const { config } = await loadConfig(projectDir)
        const relations = await typedRelations(projectDir, signal)
        const text = clientModule(config.name, relations)
        const names = relations.map(({ name }) => name)
        if (out === undefined) {
          if (!output.json) await output.data(text)
          output.result({ relations: names, module: text })
          return
        }
        const path = resolve(out)
        if (check) await compareWith(path, text)
        else {
          await mkdir(dirname(path), { recursive: true })
          await writeFile(path, text)
        }
        output.line(`${names.length} streams and views ${check ? 'are as in' : 'written to'} ${out}`)
        output.result({ relations: names, out: path })
      }),
    )
}

async function compareWith(path: string, text: string): Promise<void> {
  if (existsSync(path) && (await readFile(path, 'utf8')) === text) return
  throw new UserError('CODEGEN_STALE', `${path} is not what the project says.`, {
    where: path,
    suggestion: 'Write it anew: the same command without --check.',
  })
}
