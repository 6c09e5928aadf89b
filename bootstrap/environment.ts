import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { UserError } from '../dialect/index.js'
import type { TpctlConfig } from './config.js'
import type { Environment } from './target.js'

/** The environment, and for what it does not say the file `.env` of the project. */
export function withDotEnv(dir: string, env: Environment): Environment {
  const path = join(dir, '.env')
  if (!existsSync(path)) return env
  const written = parseEnv(readFileSync(path, 'utf8'))
  const said = Object.entries(env).filter(([, value]) => value !== undefined)
  return { ...written, ...Object.fromEntries(said) }
}

/** What commands answered in this process: asking a vault may take a second, or a fingerprint. */
const answers = new Map<string, string>()

/** The environment, and for what it does not say the commands of the config: each is run when somebody asks for it. */
export function withSecretCommands({ secretCommands }: TpctlConfig, env: Environment): Environment {
  // Looking at a value would run its command; a getter is one that was put there before.
  const isSaid = (name: string) =>
    Object.getOwnPropertyDescriptor(env, name)?.get !== undefined || env[name] !== undefined
  const names = Object.keys(secretCommands).filter((name) => !isSaid(name))
  if (names.length === 0) return env
  const known: Record<string, string | undefined> = { ...env }
  for (const name of names)
    Object.defineProperty(known, name, { get: () => answerOf(name, secretCommands[name]!) })
  return known
}

/** Secrets that commands have told so far. */
export function toldSecrets(): Iterable<string> {
  return answers.values()
}

const PATIENCE_MS = 60_000

function answerOf(name: string, command: readonly string[]): string {
  const key = JSON.stringify(command)
  const known = answers.get(key)
  if (known !== undefined) return known
  const [program, ...args] = command
  let answer: string
  try {
    answer = execFileSync(program!, args, {
      encoding: 'utf8',
      timeout: PATIENCE_MS,
      stdio: ['inherit', 'pipe', 'pipe'],
    }).replace(/\r?\n$/, '')
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim()
    throw new UserError('SECRET_COMMAND', `The command that tells ${name} failed: ${program}`, {
      detail: said === undefined || said === '' ? undefined : said.split('\n').slice(-3).join('\n'),
      suggestion: `Run it by hand, correct it under secretCommands in tpctl.config.ts, or set ${name}.`,
    })
  }
  answers.set(key, answer)
  return answer
}
