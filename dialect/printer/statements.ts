import type { AlterAction, ColumnDef, IndexDef, QualifiedName, Setting, Statement, TtlItem } from '../ast.js'
import { OBJECT_WORDS } from '../parser/objects.js'
import { quoteName, quoteString } from '../text.js'
import type { PrintContext } from './context.js'
import { createText, entryText, settingsPart } from './create.js'
import { exprList, exprText } from './expressions.js'
import { nameText, queryText, settingsText, simpleTableText } from './queries.js'
import { typeText } from './types.js'

type Parts = (string | false | undefined)[]

const join = (...parts: Parts): string => parts.filter(Boolean).join(' ')

function tail(s: { settings?: Setting[]; format?: string }, ctx: PrintContext): string {
  return join(settingsPart(s.settings, ctx), s.format !== undefined && `FORMAT ${quoteName(s.format)}`)
}

const names = (list: QualifiedName[]): string => list.map(nameText).join(', ')

export function statementText(s: Statement, ctx: PrintContext): string {
  switch (s.kind) {
    case 'query':
      return queryText(s.query, ctx)
    case 'explain': {
      const variant = s.variant === 'plan' ? '' : s.variant.toUpperCase().replace('_', ' ')
      const options = s.options.map((o) => `${quoteName(o.name)} = ${exprText(o.value, ctx, 1)}`).join(', ')
      return join('EXPLAIN', variant, options, statementText(s.statement, ctx), tail(s, ctx))
    }
    case 'insert':
      return insertText(s, ctx)
    case 'delete':
      return join('DELETE FROM', nameText(s.from), 'WHERE', exprText(s.where, ctx), tail(s, ctx))
    case 'alter': {
      const word = s.object.toUpperCase().replace('_', ' ')
      const between = s.object === 'named_collection' ? ' ' : ', '
      const actions = s.actions.map((a) => actionText(a, ctx)).join(between)
      return join('ALTER', word, nameText(s.name), actions, tail(s, ctx))
    }
    case 'rename': {
      const pairs = s.pairs.map((p) => `${nameText(p.from)} TO ${nameText(p.to)}`).join(', ')
      return join('RENAME', s.object.toUpperCase(), s.ifExists && 'IF EXISTS', pairs, tail(s, ctx))
    }
    case 'truncate':
      return join('TRUNCATE STREAM', s.ifExists && 'IF EXISTS', nameText(s.name), tail(s, ctx))
    case 'drop': {
      const ifExists = s.ifExists && 'IF EXISTS'
      if (s.object === 'row_policy' && s.names.length === 2) {
        return join(
          'DROP ROW POLICY',
          ifExists,
          nameText(s.names[0]!),
          'ON',
          nameText(s.names[1]!),
          tail(s, ctx),
        )
      }
      return join('DROP', OBJECT_WORDS[s.object], ifExists, names(s.names), tail(s, ctx))
    }
    case 'optimize':
      return join('OPTIMIZE STREAM', nameText(s.name), s.final && 'FINAL', tail(s, ctx))
    case 'show':
      return showText(s, ctx)
    case 'describe':
      return join('DESCRIBE', simpleTableText(s.target, ctx), tail(s, ctx))
    case 'exists_statement':
      return join('EXISTS', OBJECT_WORDS[s.object], nameText(s.name), tail(s, ctx))
    case 'use':
      return `USE ${quoteName(s.database)}`
    case 'set':
      return settingsText(s.settings, ctx).replace('SETTINGS', 'SET')
    case 'kill_query':
      return join('KILL QUERY WHERE', exprText(s.where, ctx), s.mode?.toUpperCase(), tail(s, ctx))
    case 'system':
      return join('SYSTEM', s.command, s.target && nameText(s.target), s.rest, tail(s, ctx))
    case 'subscribe':
      return `SUBSCRIBE TO ${queryText(s.query, ctx)}`
    case 'recover':
      return join('RECOVER FROM', quoteString(s.queryId), tail(s, ctx))
    case 'unsubscribe':
      return join('UNSUBSCRIBE TO', quoteString(s.queryId), tail(s, ctx))
    case 'access':
    case 'opaque':
      return s.text
    default:
      return createText(s, ctx)
  }
}

function insertText(s: Extract<Statement, { kind: 'insert' }>, ctx: PrintContext): string {
  const into = 'kind' in s.into ? `FUNCTION ${simpleTableText(s.into, ctx)}` : nameText(s.into)
  const columns = s.columns?.map((column) =>
    typeof column === 'string' ? columnName(column) : exprText(column, ctx),
  )
  const head = join('INSERT INTO', into, columns && `(${columns.join(', ')})`)
  const settings = settingsPart(s.settings, ctx)
  const { source } = s
  switch (source.kind) {
    case 'values':
      return join(head, settings, 'VALUES', source.rows.map((row) => `(${exprList(row, ctx)})`).join(', '))
    case 'query':
      return join(head, settings, queryText(source.query, ctx))
    case 'format':
      return join(head, settings, 'FORMAT', quoteName(source.format))
    case 'infile': {
      const format = source.format !== undefined && `FORMAT ${quoteName(source.format)}`
      return join(head, 'FROM INFILE', quoteString(source.path), settings, format)
    }
    case 'none':
      return join(head, settings)
  }
}

/** A column of a nested type keeps its dot: `n.a`. */
export function columnName(name: string): string {
  return name.split('.').map(quoteName).join('.')
}

function showText(s: Extract<Statement, { kind: 'show' }>, ctx: PrintContext): string {
  const what = s.what.toUpperCase().replaceAll('_', ' ')
  if (s.what === 'create')
    return join(
      'SHOW CREATE',
      s.object && OBJECT_WORDS[s.object],
      s.name && nameText(s.name),
      s.on && `ON ${nameText(s.on)}`,
      tail(s, ctx),
    )
  if (s.what === 'grants') return join('SHOW GRANTS', s.name && `FOR ${nameText(s.name)}`, tail(s, ctx))
  if (s.what.endsWith('policies') && s.name) {
    const on = s.name.name === '*' ? `${quoteName(s.name.database!)}.*` : nameText(s.name)
    return join('SHOW', what, `ON ${on}`, tail(s, ctx))
  }
  const from = s.name ? nameText(s.name) : s.from === undefined ? undefined : quoteName(s.from)
  const like =
    s.like &&
    join(s.like.not && 'NOT', s.like.caseInsensitive ? 'ILIKE' : 'LIKE', quoteString(s.like.pattern))
  return join(
    'SHOW',
    what,
    from !== undefined && `FROM ${from}`,
    like,
    s.where && `WHERE ${exprText(s.where, ctx)}`,
    s.limit && `LIMIT ${exprText(s.limit, ctx, 1)}`,
    tail(s, ctx),
  )
}

// ------------------------------------------------------------------ columns, indexes, TTL

export function columnText(column: ColumnDef, ctx: PrintContext): string {
  const d = column.default
  return join(
    columnName(column.name),
    column.type && typeText(column.type, ctx),
    d && join(d.kind.toUpperCase(), d.expr && exprText(d.expr, ctx, 1)),
    column.autoIncrement && 'AUTO_INCREMENT',
    column.comment !== undefined && `COMMENT ${quoteString(column.comment)}`,
    column.codec && `CODEC(${exprList(column.codec, ctx)})`,
    column.ttl && `TTL ${exprText(column.ttl, ctx, 1)}`,
  )
}

export function indexText(index: IndexDef, ctx: PrintContext): string {
  return join(
    quoteName(index.name),
    // In brackets, so that it is read as an index even where a column's type could stand.
    index.expr.kind === 'tuple' ? exprText(index.expr, ctx) : `(${exprText(index.expr, ctx)})`,
    index.unique && 'UNIQUE',
    index.storing && `STORING (${exprList(index.storing, ctx)})`,
    index.type && `TYPE ${exprText(index.type, ctx, 1)}`,
    index.granularity !== undefined && `GRANULARITY ${index.granularity}`,
  )
}

export function ttlText(items: TtlItem[], ctx: PrintContext): string {
  return items
    .map((item) => {
      const target = item.action?.target ? ` ${exprText(item.action.target, ctx)}` : ''
      const action = item.action && item.action.kind.toUpperCase().replace('_', ' ') + target
      return join(exprText(item.expr, ctx, 1), action, item.where && `WHERE ${exprText(item.where, ctx, 1)}`)
    })
    .join(', ')
}

// ------------------------------------------------------------------ ALTER

function actionText(a: AlterAction, ctx: PrintContext): string {
  switch (a.kind) {
    case 'add_column': {
      const place = a.first ? 'FIRST' : a.after === undefined ? undefined : `AFTER ${columnName(a.after)}`
      return join('ADD COLUMN', a.ifNotExists && 'IF NOT EXISTS', columnText(a.column, ctx), place)
    }
    case 'drop_column':
      return join('DROP COLUMN', a.ifExists && 'IF EXISTS', columnName(a.name))
    case 'rename_column':
      return join('RENAME COLUMN', a.ifExists && 'IF EXISTS', columnName(a.from), 'TO', columnName(a.to))
    case 'modify_column':
      return join('MODIFY COLUMN', a.ifExists && 'IF EXISTS', columnText(a.column, ctx))
    case 'comment_column':
      return join('COMMENT COLUMN', columnName(a.name), quoteString(a.comment))
    case 'modify_ttl':
      return `MODIFY TTL ${ttlText(a.ttl, ctx)}`
    case 'remove_ttl':
      return 'REMOVE TTL'
    case 'modify_setting':
      return settingsText(a.settings, ctx).replace('SETTINGS', 'MODIFY SETTING')
    case 'reset_setting':
      return `RESET SETTING ${a.names.map(quoteName).join(', ')}`
    case 'modify_query_setting':
      return settingsText(a.settings, ctx).replace('SETTINGS', 'MODIFY QUERY SETTING')
    case 'reset_query_setting':
      return `RESET QUERY SETTING ${a.names.map(quoteName).join(', ')}`
    case 'modify_query':
      return `MODIFY QUERY ${queryText(a.query, ctx)}`
    case 'modify_comment':
      return `MODIFY COMMENT ${quoteString(a.comment)}`
    case 'add_index':
      return join('ADD INDEX', a.ifNotExists && 'IF NOT EXISTS', indexText(a.index, ctx))
    case 'drop_index':
    case 'materialize_index':
    case 'clear_index': {
      const words = a.kind.toUpperCase().replace('_', ' ')
      return join(words, quoteName(a.name), a.partition && `IN PARTITION ${partitionText(a.partition, ctx)}`)
    }
    case 'drop_partition':
      return `DROP PARTITION ${partitionText(a.partition, ctx)}`
    case 'delete':
      return `DELETE WHERE ${exprText(a.where, ctx, 1)}`
    case 'set_keys':
      return `SET ${a.entries.map((entry) => entryText(entry, ctx)).join(', ')}`
    case 'delete_keys':
      return `DELETE ${a.names.map(quoteName).join(', ')}`
    case 'other':
      return a.text
  }
}

function partitionText(
  partition: Extract<AlterAction, { kind: 'drop_partition' }>['partition'],
  ctx: PrintContext,
): string {
  const id = partition.kind === 'call' && partition.name === 'ID' ? partition.args[0] : undefined
  return id ? `ID ${exprText(id, ctx)}` : exprText(partition, ctx, 1)
}
