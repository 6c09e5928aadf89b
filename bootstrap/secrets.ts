import {
  type AccessStatement,
  type Expr,
  printAccess,
  type Setting,
  type Statement,
} from '../dialect/index.js'
import { commandOf, isGrant } from './access.js'
import { fingerprint } from './fingerprint.js'
import type { Secrets } from './model.js'

/** Hides secrets wherever they stand in a text, plain or as SQL escapes them, and tells one set from another. */
export function secretsOf(values: Iterable<string>): Secrets {
  const byForm = new Map<string, string>()
  for (const secret of values) {
    if (secret.length === 0) continue
    byForm.set(secret, secret)
    byForm.set(secret.replaceAll('\\', '\\\\').replaceAll("'", "\\'"), secret)
    byForm.set(secret.replaceAll("'", "''"), secret)
    byForm.set(JSON.stringify(secret).slice(1, -1), secret)
  }
  // Longest first, so that a secret which contains another leaves no rest behind.
  const forms = [...byForm.keys()].sort((a, b) => b.length - a.length)
  const pattern = forms.length === 0 ? undefined : new RegExp(forms.map(escaped).join('|'), 'g')
  return {
    redact: (text) => (pattern ? text.replaceAll(pattern, HIDDEN) : text),
    foundIn: (text) => (pattern ? [...text.matchAll(pattern)].map(([form]) => byForm.get(form)!) : []),
  }
}

const HIDDEN = '***'

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}

/** Names of settings and keys whose values are nobody's business. */
const SECRET_NAME =
  /passw|secret|credential|sasl_jaas|private_key|ssl_key|access_key|api_key|auth_key|token$/i
const IS_PATH = /_file$|_path$/i

/** A statement whose secrets are hidden, and those secrets: it may write some out instead of using variables. */
export function hideSecrets(statement: Statement): { statement: Statement; values: string[] } {
  const values: string[] = []
  const hidden = (name: string, value: Expr): Expr => {
    const isSecret = SECRET_NAME.test(name) && !IS_PATH.test(name)
    if (!isSecret || value.kind !== 'literal' || value.type !== 'string' || value.value === '') return value
    values.push(value.value)
    return { kind: 'literal', type: 'string', value: HIDDEN }
  }
  const inSettings = (settings: Setting[]) =>
    settings.map(({ name, value }) => ({ name, value: hidden(name, value) }))
  switch (statement.kind) {
    case 'create_external_stream':
    case 'create_external_table':
    case 'create_database':
      return { statement: { ...statement, settings: inSettings(statement.settings) }, values }
    case 'create_named_collection': {
      const entries = statement.entries.map((entry) => ({ ...entry, value: hidden(entry.name, entry.value) }))
      return { statement: { ...statement, entries }, values }
    }
    case 'create_function': {
      const { body } = statement
      if (body.language !== 'remote' || !body.authKey) return { statement, values }
      return { statement: { ...statement, body: { ...body, authKey: HIDDEN } }, values: [body.authKey] }
    }
    case 'create_dictionary': {
      const clauses = statement.clauses.map(({ name, text }) => {
        values.push(...[...text.matchAll(SECRET_WORDS)].map(([all]) => all))
        return { name, text: text.replaceAll(SECRET_WORDS, `$1 '${HIDDEN}'`) }
      })
      return { statement: { ...statement, clauses }, values }
    }
    case 'access':
      return isGrant(statement) ? { statement, values } : hidePassword(statement)
    default:
      return { statement, values }
  }
}

function hidePassword(statement: AccessStatement): { statement: Statement; values: string[] } {
  const command = commandOf(statement)
  if (command?.kind !== 'user')
    return {
      statement: { ...statement, text: withoutSecrets(statement.text) },
      values: passwordsIn(statement.text),
    }
  const secret = command.auth?.secret
  if (!command.auth || secret === undefined) return { statement, values: [] }
  const text = printAccess({ ...command, auth: { ...command.auth, secret: HIDDEN } })
  return { statement: { ...statement, text }, values: [secret] }
}

function passwordsIn(text: string): string[] {
  return [...text.matchAll(SECRET_WORDS)].map(([all]) => all)
}

/** Tells whether the same secrets, in the same order, stand in two statements; empty where none does. */
export function secretsHash(values: readonly string[]): string {
  return values.length === 0 ? '' : fingerprint(JSON.stringify(values))
}

const SECRET_SETTING =
  /(`?\w*(?:passw|secret|credential|sasl_jaas|private_key|access_key|api_key)\w*`?\s*=\s*)'(?:[^'\\]|\\.|'')*'/gi
const SECRET_WORDS =
  /\b(AUTH_KEY|PASSWORD|IDENTIFIED(?:\s+WITH\s+\w+)?\s+(?:BY|HASH))\s+'(?:[^'\\]|\\.|'')*'/gi

/** A text that came from an engine, without values that look like secrets: they may be older than the ones known. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(SECRET_SETTING, `$1'${HIDDEN}'`).replaceAll(SECRET_WORDS, `$1 '${HIDDEN}'`)
}
