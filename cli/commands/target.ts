import type { Command } from 'commander'
import { loadConfig } from '../../bootstrap/config_loader.js'
import { type Check, type CheckStatus, checkReach } from '../../bootstrap/doctor.js'
import { connect, resolveTarget } from '../../bootstrap/target.js'
import { chooseTarget, forgetTarget } from '../chosen_target.js'
import { action } from '../context.js'
import { EXIT } from '../exit.js'
import type { Style } from '../output.js'
import { runningAddresses } from '../target.js'

const STYLE: Record<CheckStatus, Style> = { ok: 'green', warn: 'yellow', fail: 'red' }

export function registerTarget(program: Command): void {
  const target = program.command('target').description('the targets of the config: list, choose, check')
  registerList(target)
  registerUse(target)
  registerCheck(target)
}

function registerList(group: Command): void {
  group
    .command('list')
    .description('list the targets of the config, and which one commands work on')
    .action(
      action<object, []>(async ({ output, projectDir, target }) => {
        const { config } = await loadConfig(projectDir)
        const current = target ?? (process.env.TPCTL_TARGET || config.target)
        const targets = Object.entries(config.targets).map(([name, one]) => ({
          name,
          current: name === current,
          edition: one.edition,
          url: one.url,
          database: one.database,
          username: one.username ?? 'default',
        }))
        output.table(
          ['', 'target', 'edition', 'url', 'database', 'user'].map((title) => ({ title })),
          targets.map((one) => [
            one.current ? '*' : '',
            one.name,
            one.edition,
            one.url,
            one.database,
            one.username,
          ]),
        )
        output.result({ targets })
      }),
    )
}

function registerUse(group: Command): void {
  group
    .command('use')
    .argument('[name]', 'a target of the config; without one, what the config says holds again')
    .description('choose the target that commands work on from now on')
    .action(
      action<object, [string | undefined]>(async ({ output, projectDir, stateDir }, _options, name) => {
        const { config } = await loadConfig(projectDir)
        if (name === undefined) forgetTarget(stateDir)
        else {
          // Only to say what is wrong with the name: passwords are not asked for.
          resolveTarget({ ...config, secretCommands: {} }, name, process.env)
          chooseTarget(stateDir, name)
        }
        const now = name ?? config.target
        output.line(`Commands work on ${now} now.`)
        output.result({ target: now })
      }),
    )
}

function registerCheck(group: Command): void {
  group
    .command('check')
    .argument('[names...]', 'targets of the config; without any, the one that commands work on')
    .description(
      'check that targets answer, take the login, are of the edition given, and reach their broker',
    )
    .action(
      action<object, [string[]]>(async (context, _options, names) => {
        const { output, projectDir, stateDir, signal } = context
        const { config } = await loadConfig(projectDir)
        const checked: { target: string; checks: Check[] }[] = []
        for (const name of names.length > 0 ? names : [context.target]) {
          const plain = resolveTarget(config, name, process.env)
          const target = resolveTarget(config, name, process.env, runningAddresses(stateDir, plain))
          const client = connect(target)
          try {
            const checks = await checkReach(target, client, signal)
            checked.push({ target: target.name, checks })
            output.line(output.color('bold', `${target.name} (${target.edition}, ${target.url})`))
            for (const { status, message, suggestion } of checks) {
              output.line(`  ${output.color(STYLE[status], status.padEnd(4))} ${message}`)
              if (suggestion !== undefined) output.line(`       ${output.color('cyan', suggestion)}`)
            }
          } finally {
            await client.close()
          }
        }
        output.result({ targets: checked })
        const failed = checked.some(({ checks }) => checks.some(({ status }) => status === 'fail'))
        return failed ? EXIT.failed : EXIT.ok
      }),
    )
}
