import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { action } from '../context.js'
import { TEMPLATES, type Template, writeTemplate } from '../init/template.js'

export function registerInit(program: Command): void {
  program
    .command('init [dir]')
    .description('write a small project that passes its own tests')
    .addOption(
      new Option(
        '--template <name>',
        'what it shows: a plain pipeline, one fed by Kafka, functions in TypeScript',
      )
        .choices([...TEMPLATES])
        .default('minimal'),
    )
    .action(
      action<{ template: Template }, [string | undefined]>(
        async ({ output, projectDir }, { template }, dir) => {
          const folder = dir === undefined ? projectDir : resolve(dir)
          const files = await writeTemplate(template, folder)
          for (const file of files) output.line(`  ${file}`)
          output.line()
          output.line(`A project of the template '${template}' is in ${folder}. Next:`)
          if (dir !== undefined) output.line(`  cd ${dir}`)
          output.line('  npm install')
          output.line('  npx tpctl test         # rows in, rows out')
          output.line('  npx tpctl bootstrap    # deploy it to the embedded engine')
          output.result({ template, dir: folder, files })
        },
      ),
    )
}
