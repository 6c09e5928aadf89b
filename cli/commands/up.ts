import { type Command, Option } from 'commander'
import { ENGINE_EDITIONS, type EngineEdition } from '../../engine/edition.js'
import { action } from '../context.js'
import { bringUp, DEFAULT_PORTS, stateFiles } from '../embedded/lifecycle.js'
import { brokerToStart } from '../embedded/own_broker.js'
import { type PortOptions, portOption, portsOf } from '../options.js'

export function registerUp(program: Command): void {
  const command = program
    .command('up')
    .description('start the embedded engine and the UDF gateway in the background')
  portOption(command, 'http', DEFAULT_PORTS.http, 'SQL over HTTP, table mode')
  portOption(command, 'stream', DEFAULT_PORTS.stream, 'SQL over HTTP, streaming mode, and REST')
  portOption(command, 'kafka', DEFAULT_PORTS.kafka, 'Kafka protocol')
  portOption(command, 'metrics', DEFAULT_PORTS.metrics, 'Prometheus metrics')
  portOption(command, 'gateway', DEFAULT_PORTS.gateway, 'UDF gateway')
  command.addOption(
    new Option('--edition <edition>', 'oss-1.6: refuse what Proton 1.6 does not know').choices([
      ...ENGINE_EDITIONS,
    ]),
  )
  command.action(
    action<PortOptions & { edition?: EngineEdition }, []>(
      async ({ output, projectDir, stateDir, target }, options) => {
        const { engine, gateway, started } = await bringUp({
          projectDir,
          stateDir,
          ports: portsOf(options),
          broker: await brokerToStart(projectDir, target),
          edition: options.edition,
          onStep: (text) => output.note(text),
        })
        output.line(started ? 'The embedded engine is up.' : 'The embedded engine was up already.')
        if (engine.edition === 'oss-1.6') output.line('  It answers as Proton 1.6 does.')
        output.line(`  SQL, table mode      ${engine.url}`)
        output.line(`  SQL, streaming mode  ${engine.streamUrl}`)
        output.line(`  Kafka protocol       ${engine.brokers}   (for development)`)
        output.line(`  metrics              ${engine.metricsUrl}`)
        output.line(`  UDF gateway          ${gateway.url}`)
        output.line(`  data and logs        ${stateDir}`)
        output.line()
        output.line('Next: npx tpctl bootstrap')
        output.result({ started, engine, gateway, state: stateDir, log: stateFiles(stateDir).engine.log })
      },
    ),
  )
}
