import type { Expr, Setting } from '../../../dialect/index.js'
import { literalsIn } from '../find.js'
import type { Found, LintContext, LintObject, Rule } from '../rule.js'

export const secretInSql: Rule = {
  code: 'SECRET_IN_SQL',
  severity: 'error',
  title: 'a secret in the SQL',
  why: 'What stands in a file is in the repository and its history, in plans, in the ledger and in SHOW CREATE. Only variables that the config lists under `secrets` are hidden everywhere.',
  fix: "Write '${NAME}', give the value in the environment, and list NAME under `secrets` in tpctl.config.ts.",
  failing: {
    sql: `CREATE EXTERNAL STREAM orders (raw string)
SETTINGS type = 'kafka', brokers = 'kafka:9093', topic = 'orders', security_protocol = 'SASL_SSL',
  sasl_mechanism = 'PLAIN', username = 'reader', password = 'hunter2';`,
  },
  passing: {
    sql: `CREATE EXTERNAL STREAM orders (raw string)
SETTINGS type = 'kafka', brokers = 'kafka:9093', topic = 'orders', security_protocol = 'SASL_SSL',
  sasl_mechanism = 'PLAIN', username = 'reader', password = '\${KAFKA_PASSWORD}';`,
    variables: { KAFKA_PASSWORD: 'hunter2' },
    secrets: ['KAFKA_PASSWORD'],
  },
  *check(context) {
    for (const object of context.objects) if (object.file) yield* inObject(object, context)
  },
}

/** Settings whose values open doors. */
const SECRET_SETTING =
  /(password|secret|token|credential|private_key|api_?key|access_key_id|sasl_jaas|auth_key)|^(properties|kafka_schema_registry_credentials)$/i
const SECRET_PROPERTY =
  /(?:^|;)\s*(?:sasl\.password|ssl\.key\.password|sasl\.oauthbearer\.config)\s*=\s*[^;\s]/i
/** Texts that look like keys of well-known services, and addresses with a password in them. */
const SECRET_TEXT =
  /^(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|github_pat_\w{30,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}|glpat-[\w-]{20,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+)$|-----BEGIN [A-Z ]*PRIVATE KEY-----|^\w+:\/\/[^/\s:@]+:[^/\s:@]+@/

function* inObject(object: LintObject, context: LintContext): Generator<Found> {
  const { statement } = object
  const told = new Set<number>()
  const tell = function* (value: Expr, what: string): Generator<Found> {
    const problem = problemOf(value, object, context)
    const at = value.span?.start ?? object.start
    if (!problem || told.has(at)) return
    told.add(at)
    yield { object, at: value, message: `${what} ${problem}` }
  }
  for (const { name, value } of settingsIn(statement))
    if (SECRET_SETTING.test(name) && (name !== 'properties' || SECRET_PROPERTY.test(textOf(value) ?? '')))
      yield* tell(value, `The setting ${name}`)
  if (
    statement.kind === 'create_function' &&
    statement.body.language === 'remote' &&
    statement.body.authKey
  ) {
    const literal = authKeyIn(object, statement.body.authKey)
    if (literal) yield* tell(literal, 'AUTH_KEY')
  }
  for (const literal of literalsIn(statement))
    if (SECRET_TEXT.test(textOf(literal) ?? '')) yield* tell(literal, 'This text')
}

function settingsIn(statement: object): Setting[] {
  const found: Setting[] = []
  const look = (node: unknown): void => {
    if (Array.isArray(node)) for (const item of node) look(item)
    else if (typeof node === 'object' && node !== null) {
      const setting = node as Partial<Setting> & { kind?: unknown }
      const isSetting =
        typeof setting.name === 'string' && typeof setting.value === 'object' && setting.kind === undefined
      if (isSetting && setting.value) found.push(setting as Setting)
      for (const [key, value] of Object.entries(node)) if (key !== 'span') look(value)
    }
  }
  look(statement)
  return found
}

function textOf(value: Expr): string | undefined {
  return value.kind === 'literal' && value.type === 'string' ? value.value : undefined
}

/** Its place is not in the tree: the last text of the statement that is the key. */
function authKeyIn({ file, start, end }: LintObject, key: string): Expr | undefined {
  const text = file!.expansion.text.slice(start, end)
  const at = text.search(/\bAUTH_KEY\s+'/i)
  if (at < 0) return undefined
  const quote = text.indexOf("'", at)
  return {
    kind: 'literal',
    type: 'string',
    value: key,
    span: { start: start + quote, end: start + quote + key.length + 2 },
  }
}

/** What is wrong with a value that should be secret; nothing where it is a variable that is one. */
function problemOf(value: Expr, { file }: LintObject, { secrets }: LintContext): string | undefined {
  if (!value.span || textOf(value) === '') return undefined
  const { sourceOffset } = file!.expansion
  const written = file!.source.slice(
    sourceOffset(value.span.start),
    writtenEnd(file!.source, sourceOffset(value.span.start)),
  )
  const uses = [...written.matchAll(/\$\{(\w+)(?::-([^}]*))?\}/g)]
  if (uses.length === 0) return 'is written out.'
  if (uses.some(([, , fallback]) => fallback)) return 'has a default that is written out.'
  const open = uses.map(([, name]) => name!).find((name) => !secrets.has(name))
  return open === undefined ? undefined : `comes from ${open}, which is not among the config's secrets.`
}

/** The end of the quoted text that begins at `start`. */
function writtenEnd(source: string, start: number): number {
  const end = source.indexOf("'", start + 1)
  return end < 0 ? source.length : end + 1
}
