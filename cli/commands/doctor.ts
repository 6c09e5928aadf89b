import type { Command } from 'commander'
import { type CheckStatus, doctor } from '../../bootstrap/doctor.js'
import { loadProject } from '../../bootstrap/project.js'
import { connect } from '../../bootstrap/target.js'
import { action } from '../context.js'
import { DEFAULT_PORTS, running } from '../embedded/lifecycle.js'
import { EXIT } from '../exit.js'
import type { Style } from '../output.js'

const STYLE: Record<CheckStatus, Style> = { ok: 'green', warn: 'yellow', fail: 'red' }

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check what a deployment needs: disk, ports, versions, broker, topics, keys, clock')
    .action(
      action<object, []>(async (context) => {
        const { output, projectDir, stateDir, signal } = context
        const { engine, gateway } = running(stateDir)
        const overrides = engine
          ? {
              url: engine.url,
              streamUrl: engine.streamUrl,
              brokers: engine.brokers,
              gatewayUrl: gateway?.url,
            }
          : {}
        const plain = await loadProject(projectDir, { target: context.target })
        const project =
          plain.target.edition === 'embedded' && engine
            ? await loadProject(projectDir, { target: context.target, overrides })
            : plain
        const client = connect(project.target)
        try {
          const checks = await doctor({
            config: project.config,
            target: project.target,
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
