import { rm, writeFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { EDITIONS, type Edition } from '../../bootstrap/config.js'
import { loadProject, type Project } from '../../bootstrap/project.js'
import { connect } from '../../bootstrap/target.js'
import { UserError } from '../../dialect/user_error.js'
import { driverStore, memoryCache, startGateway, streamCache } from '../../udfs/runtime/gateway/index.js'
import { DEFAULT_AUTH_HEADER, type RemoteFunction } from '../../udfs/runtime/index.js'
import { action, type Context } from '../context.js'
import { parseCount, parsePort } from '../options.js'
import { runningAddresses } from '../target.js'

export function registerUdf(program: Command): void {
  const udf = program.command('udf').description("the project's functions")
  registerList(udf)
  registerRender(udf)
  registerServe(udf)
}

function registerList(udf: Command): void {
  udf
    .command('list')
    .description('name, kind and types of each function')
    .action(
      action<object, []>(async (context) => {
        // They are the same on every edition.
        const { definitions } = await loadProject(context.projectDir, {
          target: context.target,
          overrides: { edition: 'embedded' },
        })
        const rows = definitions.map(({ name, kind, args, returns }) => ({
          name,
          kind,
          args: Object.entries(args)
            .map(([arg, type]) => `${arg} ${JSON.stringify(type).replaceAll('"', '')}`)
            .join(', '),
          returns: JSON.stringify(returns).replaceAll('"', ''),
        }))
        context.output.table(
          [{ title: 'function' }, { title: 'kind' }, { title: 'arguments' }, { title: 'returns' }],
          rows.map((row) => [row.name, row.kind, row.args, row.returns]),
        )
        context.output.result({ functions: rows })
      }),
    )
}

function registerRender(udf: Command): void {
  udf
    .command('render [name]')
    .description('the CREATE FUNCTION statements, without secrets')
    .addOption(new Option('--edition <edition>', "default: the target's").choices([...EDITIONS]))
    .action(
      action<{ edition?: Edition }, [string | undefined]>(async (context, options, name) => {
        const project = await loadProject(context.projectDir, {
          target: context.target,
          overrides: options.edition === undefined ? {} : { edition: options.edition },
        })
        const functions = project.functions.filter((fn) => name === undefined || fn.name === name)
        if (functions.length === 0 && name !== undefined) {
          throw new UserError('UDF_UNKNOWN', `The project has no function '${name}'.`, {
            suggestion: `It has: ${project.functions.map((fn) => fn.name).join(', ') || 'none'}`,
          })
        }
        for (const fn of functions)
          if (!context.output.json) await context.output.data(`${project.secrets.redact(fn.sql)};\n\n`)
        context.output.result({
          functions: functions.map((fn) => ({ ...fn, sql: project.secrets.redact(fn.sql) })),
        })
      }),
    )
}

interface ServeOptions {
  port: number
  host: string
  provider?: string
  rate?: number
  readyFile?: string
}

function registerServe(udf: Command): void {
  udf
    .command('serve')
    .description('the gateway: answers the remote functions of the engine; UDF_GATEWAY_KEY holds its key')
    .option('--port <port>', '0 takes a free one', parsePort, 9100)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--provider <name>', 'birdeye or recorded (default: birdeye where BIRDEYE_API_KEY is set)')
    .option('--rate <requests>', "upstream requests per second (default: the provider's)", parseCount)
    .addOption(new Option('--ready-file <path>').hideHelp())
    .action(
      action<ServeOptions, []>(async (context, options) => {
        const { output, signal } = context
        const project = await servedProject(context)
        const remotes = project.definitions.filter(
          (definition): definition is RemoteFunction => definition.kind === 'remote',
        )
        const client = connect(project.target, 'feeder')
        const key = process.env.UDF_GATEWAY_KEY
        const gateway = await startGateway({
          port: options.port,
          host: options.host,
          remotes,
          provider: options.provider,
          rate: options.rate,
          auth: key ? { header: DEFAULT_AUTH_HEADER, key } : undefined,
          cache: (remote) =>
            remote.cache === undefined
              ? memoryCache()
              : streamCache({
                  store: driverStore(client),
                  table: remote.cache,
                  onError: (what, error) => output.note(`${what}: ${(error as Error).message}`),
                }),
        })
        try {
          output.line(
            `UDF gateway on ${gateway.url}${key ? '' : ' (no key set: anyone who reaches the port may call)'}`,
          )
          for (const [name, provider] of Object.entries(gateway.providers))
            output.line(`  ${name}: ${provider}`)
          output.result({ url: gateway.url, providers: gateway.providers })
          if (options.readyFile !== undefined) {
            await writeFile(options.readyFile, JSON.stringify({ pid: process.pid, url: gateway.url }))
          }
          await new Promise<void>((resolve) => {
            if (signal.aborted) resolve()
            else signal.addEventListener('abort', () => resolve(), { once: true })
          })
        } finally {
          await gateway.close()
          await client.close()
          if (options.readyFile !== undefined) await rm(options.readyFile, { force: true })
        }
      }),
    )
}

/** The gateway keeps its cache in the engine that runs here, if one does. */
async function servedProject(context: Context): Promise<Project> {
  const plain = await loadProject(context.projectDir, { target: context.target })
  const overrides = runningAddresses(context.stateDir, plain.target)
  if (overrides.url === undefined) return plain
  return loadProject(context.projectDir, { target: context.target, overrides })
}
