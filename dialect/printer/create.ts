import type {
  CreateFunction,
  CreateStream,
  Expr,
  NamedCollectionEntry,
  QualifiedName,
  Setting,
  Statement,
  TtlItem,
} from '../ast.js'
import { quoteHeredoc, quoteName, quoteString } from '../text.js'
import { deeper, lineBreak, type PrintContext } from './context.js'
import { exprText } from './expressions.js'
import { nameText, queryText, settingsText } from './queries.js'
import { columnText, indexText, ttlText } from './statements.js'
import { typeText } from './types.js'

type Creation = Extract<Statement, { ifNotExists: boolean }>

const join = (...parts: (string | false | undefined)[]): string => parts.filter(Boolean).join(' ')

export function settingsPart(settings: Setting[] | undefined, ctx: PrintContext): string | undefined {
  return settings && settings.length > 0 ? settingsText(settings, ctx) : undefined
}

function head(s: Creation, words: string): string {
  const uuid = s.uuid !== undefined && `UUID ${quoteString(s.uuid)}`
  return join(
    'CREATE',
    s.orReplace && 'OR REPLACE',
    words,
    s.ifNotExists && 'IF NOT EXISTS',
    nameText(s.name),
    uuid,
  )
}

function list(items: string[], ctx: PrintContext): string | undefined {
  if (items.length === 0) return undefined
  const inner = deeper(ctx)
  if (!ctx.pretty) return `(${items.join(', ')})`
  return `(${items.map((item) => lineBreak(inner) + item).join(',')}${lineBreak(ctx)})`
}

export function createText(s: Creation, ctx: PrintContext): string {
  const comment = s.comment !== undefined && `COMMENT ${quoteString(s.comment)}`
  const line = (...parts: (string | false | undefined)[]): string =>
    parts.filter(Boolean).join(lineBreak(ctx))
  const columns = (of: Parameters<typeof columnText>[0][] | undefined): string | undefined =>
    of &&
    list(
      of.map((column) => columnText(column, ctx)),
      ctx,
    )
  switch (s.kind) {
    case 'create_stream':
      return line(
        join(head(s, s.mutable ? 'MUTABLE STREAM' : 'STREAM'), streamList(s, ctx)),
        ...streamTail(s, ctx),
        comment,
      )
    case 'create_external_stream':
      return line(
        join(head(s, 'EXTERNAL STREAM'), columns(s.columns)),
        s.partitionBy && `PARTITION BY ${exprText(s.partitionBy, ctx, 1)}`,
        settingsPart(s.settings, ctx),
        comment,
      )
    case 'create_external_table':
      return line(join(head(s, 'EXTERNAL TABLE'), columns(s.columns)), settingsPart(s.settings, ctx), comment)
    case 'create_random_stream':
      return line(
        join(head(s, 'RANDOM STREAM'), columns(s.columns)),
        s.engine && `ENGINE = ${exprText(s.engine, ctx)}`,
        settingsPart(s.settings, ctx),
        comment,
      )
    case 'create_view':
      return line(join(head(s, 'VIEW'), columns(s.columns), 'AS'), queryText(s.query, ctx), comment)
    case 'create_materialized_view': {
      const words = s.scheduled ? 'SCHEDULED MATERIALIZED VIEW' : 'MATERIALIZED VIEW'
      const into = s.into && `INTO ${nameText(s.into)}`
      const storage = [...storageParts(s, ctx), settingsPart(s.storageSettings, ctx)]
      const plain = storage.every((part) => !part)
      const first = join(head(s, words), into, columns(s.columns), plain && 'AS')
      return line(first, ...storage, !plain && 'AS', queryText(s.query, ctx), comment)
    }
    case 'create_function':
      return functionText(s, ctx)
    case 'create_format_schema':
      return join(head(s, 'FORMAT SCHEMA'), 'AS', quoteString(s.body), 'TYPE', quoteName(s.type), comment)
    case 'create_named_collection': {
      const entries = s.entries.map((entry) => entryText(entry, ctx))
      return join(head(s, 'NAMED COLLECTION'), 'AS', entries.join(', '), comment)
    }
    case 'create_database':
      return join(
        head(s, 'DATABASE'),
        s.engine && `ENGINE = ${exprText(s.engine, ctx)}`,
        settingsPart(s.settings, ctx),
        comment,
      )
    case 'create_dictionary':
      return line(
        join(head(s, 'DICTIONARY'), columns(s.columns)),
        s.primaryKey.length > 0 && `PRIMARY KEY ${s.primaryKey.map((e) => exprText(e, ctx, 1)).join(', ')}`,
        ...s.clauses.map((clause) => `${clause.name}(${clause.text})`),
        settingsPart(s.settings, ctx),
        comment,
      )
    case 'create_task': {
      const timeout = s.timeout && `TIMEOUT ${exprText(s.timeout, ctx)}`
      const words = join(
        head(s, 'TASK'),
        'SCHEDULE',
        exprText(s.schedule, ctx),
        timeout,
        'INTO',
        nameText(s.into),
        'AS',
      )
      return line(words, queryText(s.query, ctx), comment)
    }
    case 'create_alert': {
      const batch = s.batchEvents && `BATCH ${exprText(s.batchEvents, ctx, 1)} EVENTS`
      const timeout = s.batchTimeout && `WITH TIMEOUT ${exprText(s.batchTimeout, ctx)}`
      const limit = s.limitAlerts && `LIMIT ${exprText(s.limitAlerts, ctx, 1)} ALERTS`
      const per = s.limitInterval && `PER ${exprText(s.limitInterval, ctx)}`
      const words = join(head(s, 'ALERT'), batch, timeout, limit, per, 'CALL', quoteName(s.call), 'AS')
      return line(words, queryText(s.query, ctx), comment)
    }
  }
}

/** A key of a named collection. */
export function entryText({ name, value, overridable }: NamedCollectionEntry, ctx: PrintContext): string {
  const flag = overridable === undefined ? undefined : overridable ? 'OVERRIDABLE' : 'NOT OVERRIDABLE'
  return join(`${quoteName(name)} = ${exprText(value, ctx, 1)}`, flag)
}

function streamList(s: CreateStream, ctx: PrintContext): string | undefined {
  const families = s.families.map((f) =>
    join('FAMILY', f.name !== '' && quoteName(f.name), `(${f.columns.map(quoteName).join(', ')})`),
  )
  const indexes = s.indexes.map((index) => `INDEX ${indexText(index, ctx)}`)
  return list([...s.columns.map((column) => columnText(column, ctx)), ...indexes, ...families], ctx)
}

function streamTail(s: CreateStream, ctx: PrintContext): (string | undefined)[] {
  const as = s.as && `AS ${'kind' in s.as ? queryText(s.as, ctx) : nameText(s.as as QualifiedName)}`
  return [...storageParts(s, ctx), settingsPart(s.settings, ctx), as]
}

interface Storage {
  engine?: Expr
  partitionBy?: Expr
  primaryKey?: Expr
  orderBy?: Expr
  sampleBy?: Expr
  ttl?: TtlItem[]
}

function storageParts(s: Storage, ctx: PrintContext): (string | undefined)[] {
  const clause = (words: string, e: Expr | undefined): string | undefined =>
    e && `${words} ${exprText(e, ctx, 1)}`
  return [
    clause('ENGINE =', s.engine),
    clause('PARTITION BY', s.partitionBy),
    clause('PRIMARY KEY', s.primaryKey),
    clause('ORDER BY', s.orderBy),
    clause('SAMPLE BY', s.sampleBy),
    s.ttl && `TTL ${ttlText(s.ttl, ctx)}`,
  ]
}

function functionText(s: CreateFunction, ctx: PrintContext): string {
  const { body } = s
  const settings = settingsPart(s.settings, ctx)
  const comment = s.comment !== undefined && `COMMENT ${quoteString(s.comment)}`
  if (body.language === 'sql')
    return join(head(s, 'FUNCTION'), 'AS', exprText(body.lambda, ctx), settings, comment)
  const words =
    body.language === 'remote' ? 'REMOTE FUNCTION' : s.aggregate ? 'AGGREGATE FUNCTION' : 'FUNCTION'
  const args = body.args.map((a) => `${quoteName(a.name)} ${typeText(a.type, ctx)}`).join(', ')
  const signature = `${head(s, words)}(${args}) RETURNS ${typeText(body.returns, ctx)}`
  if (body.language !== 'remote') {
    return join(
      signature,
      'LANGUAGE',
      body.language.toUpperCase(),
      'AS',
      quoteHeredoc(body.source),
      settings,
      comment,
    )
  }
  const option = (word: string, value: string | undefined): string | undefined =>
    value === undefined ? undefined : `${word} ${quoteString(value)}`
  return join(
    signature,
    option('URL', body.url),
    option('AUTH_METHOD', body.authMethod),
    option('AUTH_HEADER', body.authHeader),
    option('AUTH_KEY', body.authKey),
    body.executionTimeoutMs !== undefined && `EXECUTION_TIMEOUT ${body.executionTimeoutMs}`,
    settings,
    comment,
  )
}
