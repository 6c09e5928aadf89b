import type { Command } from 'commander'
import { loadConfig } from '../../bootstrap/config_loader.js'
import { type CheckStatus, doctor } from '../../bootstrap/doctor.js'
import { loadProject } from '../../bootstrap/project.js'
import { connect, resolveTarget } from '../../bootstrap/target.js'
import { action } from '../context.js'
import { DEFAULT_PORTS } from '../embedded/lifecycle.js'
import { EXIT } from '../exit.js'
import type { Style } from '../output.js'
import { runningAddresses } from '../target.js'

const STYLE: Record<CheckStatus, Style> = { ok: 'green', warn: 'yellow', fail: 'red' }

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check what a deployment needs: disk, ports, versions, broker, topics, keys, clock')
    .action(
      action<object, []>(async (context) => {
        const { output, projectDir, stateDir, signal } = context
        const { config } = await loadConfig(projectDir)
        const plain = resolveTarget(config, context.target, process.env)
        const target = resolveTarget(config, context.target, process.env, runningAddresses(stateDir, plain))
        // The edition changes nothing of what is looked at here, and a server that is away cannot tell it.
        const edition = target.edition === 'auto' ? 'oss-3' : target.edition
        const project = await loadProject(projectDir, { target: context.target, overrides: { edition } })
        const client = connect(target)
        try {
          const checks = await doctor({
            config: project.config,
            target,
            topics: project.topics,
            env: process.env,
            client,
            dataDirs: [stateDir],
            ports: Object.values(DEFAULT_PORTS),
            signal,
          })
          for (const { status, message, suggestion } of checks) {
            output.line(`${output.color(STYLE[status], status.padEnd(4))} ${message}`)
            if (suggestion !== undefined) output.line(`     ${output.color('cyan', suggestion)}`)
          }
          output.result({ checks })
          return checks.some(({ status }) => status === 'fail') ? EXIT.failed : EXIT.ok
        } finally {
          await client.close()
        }
      }),
    )
}
