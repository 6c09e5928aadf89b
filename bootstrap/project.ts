import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { UserError } from '../dialect/index.js'
import type { UdfDefinition } from '../udfs/runtime/index.js'
import type { TopicConfig, TpctlConfig } from './config.js'
import { loadConfig } from './config_loader.js'
import { neededVariable } from './directives.js'
import { settled } from './edition.js'
import { toldSecrets, withSecretCommands } from './environment.js'
import { loadDefinitions, type RenderedFunction, renderFunctions } from './functions.js'
import type { Secrets } from './model.js'
import { secretsOf } from './secrets.js'
import { positionIn } from './source_position.js'
import { type Environment, resolveTarget, type Target, type TargetOverrides } from './target.js'
import { type Expansion, expandVariables } from './variables.js'

/** An SQL file with its variables put in. */
export interface SourceFile {
  /** Relative to the project's folder. */
  path: string
  /** As it stands on disk. */
  source: string
  expansion: Expansion
}

export interface LeftOut {
  /** With nothing in place of the variable. */
  file: SourceFile
  variable: string
}

/** A project read from disk for one target; nothing has been parsed yet. */
export interface Project {
  dir: string
  config: TpctlConfig
  configPath: string
  target: Target
  /** Sorted by path. */
  files: SourceFile[]
  /** Files that wait for a variable (`-- @when NAME`) which has no value. */
  leftOut: LeftOut[]
  definitions: UdfDefinition[]
  functions: RenderedFunction[]
  /** With their names expanded. */
  topics: TopicConfig[]
  secrets: Secrets
}

export interface LoadOptions {
  /** Name of a target; default: the config's. */
  target?: string
  /** Default: process.env. */
  env?: Environment
  overrides?: TargetOverrides & { variables?: Record<string, string> }
}

/**
 * Reads the project in `dir`: its config, SQL files and functions.
 * @throws UserError CONFIG_*, TARGET_UNKNOWN, TARGET_UNREACHABLE and EDITION_UNKNOWN where the edition is asked for,
 *   VARIABLE_MISSING, UDF_*, SQL_FOLDER
 */
export async function loadProject(dir: string, options: LoadOptions = {}): Promise<Project> {
  const { config, path: configPath } = await loadConfig(dir)
  const env = withSecretCommands(config, options.env ?? process.env)
  const root = dirname(configPath)
  const target = await settled(resolveTarget(config, options.target, env, options.overrides))
  const lookup = variableLookup(config, target, env, options.overrides?.variables ?? {})
  const commanded = (name: string) => Object.hasOwn(config.secretCommands, name)
  const secrets = config.secrets.filter((name) => !commanded(name)).map((name) => lookup(name) ?? '')
  for (const password of [target.password, target.kafka?.password]) if (password) secrets.push(password)

  const { files, leftOut } = await readFiles(root, config.sql, lookup)
  const topics = config.topics.map((topic) => ({
    ...topic,
    name: expandName(topic.name, lookup, configPath),
  }))
  const modulePath = config.udfs === undefined ? undefined : resolve(root, config.udfs)
  const definitions = modulePath === undefined ? [] : await loadDefinitions(modulePath)
  const functions = await renderFunctions(definitions, root, modulePath ?? root, target.edition, {
    gatewayUrl: lookup('UDF_GATEWAY_URL'),
    authKey: lookup('UDF_GATEWAY_KEY'),
  })
  return {
    dir: root,
    config,
    configPath,
    target,
    files,
    leftOut,
    definitions,
    functions,
    topics,
    secrets: secretsOf([...secrets, ...toldSecrets()]),
  }
}

/** Strongest first: given by the caller, the environment, the target, the config, what the target implies. */
function variableLookup(
  config: TpctlConfig,
  target: Target,
  env: Environment,
  given: Record<string, string>,
): (name: string) => string | undefined {
  const implied: Record<string, string> = {
    KAFKA_BROKERS: target.engineBrokers,
    UDF_GATEWAY_URL: target.gatewayUrl,
  }
  const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
    Object.hasOwn(record, name) ? record[name] : undefined
  return (name) => {
    const value =
      own(given, name) ??
      own(env, name) ??
      own(target.variables, name) ??
      own(config.variables, name) ??
      own(implied, name)
    return value === undefined ? undefined : String(value)
  }
}

async function readFiles(
  root: string,
  folder: string,
  lookup: (name: string) => string | undefined,
): Promise<{ files: SourceFile[]; leftOut: LeftOut[] }> {
  let entries: string[]
  try {
    entries = await readdir(resolve(root, folder), { recursive: true })
  } catch (cause) {
    throw new UserError('SQL_FOLDER', `The folder of SQL files '${folder}' cannot be read.`, {
      where: resolve(root, folder),
      suggestion: 'Correct `sql` in tpctl.config.ts.',
      cause,
    })
  }
  const files: SourceFile[] = []
  const leftOut: LeftOut[] = []
  const missing: { name: string; where: string }[] = []
  for (const entry of entries.filter((name) => name.endsWith('.sql')).sort()) {
    const absolute = join(resolve(root, folder), entry)
    const path = relative(root, absolute)
    const source = decode(await readFile(absolute), path)
    const variable = neededVariable(source)
    if (variable !== undefined && !lookup(variable)) {
      const file = { path, source, expansion: expandVariables(source, (name) => lookup(name) ?? '') }
      leftOut.push({ file, variable })
      continue
    }
    const expansion = expandVariables(source, lookup)
    for (const { name, offset } of expansion.missing)
      missing.push({ name, where: positionIn(path, source, offset).where })
    files.push({ path, source, expansion })
  }
  if (missing.length > 0) throw missingVariables(missing)
  return { files, leftOut }
}

/** @throws UserError FILE_ENCODING: a file in another encoding would put wrong names into the engine. */
function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new UserError('FILE_ENCODING', `${path} is not UTF-8 text.`, {
      where: path,
      suggestion: 'Save it as UTF-8.',
      cause,
    })
  }
}

function missingVariables(missing: { name: string; where: string }[]): UserError {
  const first = missing[0]!
  return new UserError('VARIABLE_MISSING', `The variable ${first.name} has no value.`, {
    where: first.where,
    detail: missing.map(({ name, where }) => `${where}: ${name}`).join('\n'),
    suggestion: `Set it in the environment or under \`variables\` in tpctl.config.ts, or write \${${first.name}:-default}.`,
  })
}

function expandName(name: string, lookup: (name: string) => string | undefined, configPath: string): string {
  const { text, missing } = expandVariables(name, lookup)
  if (missing.length > 0)
    throw missingVariables(missing.map((use) => ({ name: use.name, where: configPath })))
  return text
}
