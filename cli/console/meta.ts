import { quoteString } from '../../driver/index.js'
import { type ConsoleFormat, type ConsoleSession, FORMATS } from './session.js'

interface MetaCommand {
  usage: string
  help: string
  run(session: ConsoleSession, argument: string, signal: AbortSignal): Promise<void>
}

const LIST = (where: string) =>
  `SELECT name, engine, mode FROM system.tables WHERE database = current_database() AND ${where} ORDER BY name`

/** Backslash commands, as psql users know them. */
export const META: Record<string, MetaCommand> = {
  d: {
    usage: '\\d [name]',
    help: 'streams and views, or the columns of one',
    run: (session, name, signal) =>
      session.run(name === '' ? LIST('1 = 1') : `DESCRIBE ${quoteTarget(name)}`, signal),
  },
  dt: {
    usage: '\\dt',
    help: 'streams',
    run: (session, _name, signal) => session.run(LIST("engine NOT LIKE '%View%'"), signal),
  },
  dv: {
    usage: '\\dv',
    help: 'views and materialized views',
    run: (session, _name, signal) => session.run(LIST("engine LIKE '%View%'"), signal),
  },
  df: {
    usage: '\\df [name]',
    help: 'functions defined by users',
    run: (session, name, signal) =>
      session.run(
        `SELECT name, is_aggregate, origin, create_query FROM system.functions WHERE origin != 'System'${
          name === '' ? '' : ` AND name = ${quoteString(name)}`
        } ORDER BY name`,
        signal,
      ),
  },
  timing: {
    usage: '\\timing',
    help: 'switch the time and row count after each statement on or off',
    async run(session) {
      session.timing = !session.timing
      session.output.note(`Timing is ${session.timing ? 'on' : 'off'}.`)
    },
  },
  format: {
    usage: `\\format ${FORMATS.join('|')}`,
    help: 'how results are printed',
    async run(session, name) {
      const known = (FORMATS as readonly string[]).includes(name)
      if (known) session.format = name as ConsoleFormat
      const complaint = known || name === '' ? '' : `There is no format '${name}'. `
      session.output.note(`${complaint}Format is ${session.format}. Known: ${FORMATS.join(', ')}.`)
    },
  },
  '?': {
    usage: '\\?',
    help: 'this help',
    async run(session) {
      const width = Math.max(...Object.values(META).map((command) => command.usage.length))
      for (const command of Object.values(META))
        session.output.line(`  ${command.usage.padEnd(width)}  ${command.help}`)
      session.output.line(`  ${'\\q'.padEnd(width)}  leave (Ctrl-D)`)
      session.output.line()
      session.output.line(
        '  Statements end with ;  A query on a stream runs until Ctrl-C; table(name) reads what is stored.',
      )
    },
  },
}

/** `name` or `db.name` as typed, quoted so that nothing else can follow. */
function quoteTarget(name: string): string {
  return name
    .replace(/;$/, '')
    .split('.')
    .map((part) => `\`${part.replace(/[\\`]/g, '\\$&')}\``)
    .join('.')
}
