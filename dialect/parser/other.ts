import type {
  Delete,
  Drop,
  KillQuery,
  Optimize,
  RecoverFrom,
  Rename,
  SetStatement,
  Subscribe,
  SystemStatement,
  Truncate,
  Unsubscribe,
  Use,
} from '../ast.js'
import type { Cursor } from './cursor.js'
import { parseExprWithAlias } from './expressions.js'
import { kindWords, takeObjectKind } from './objects.js'
import { parseQueryWithOutput } from './select.js'
import { parseSettings, parseTail } from './settings.js'
import { parseQualifiedName } from './tables.js'

/** `DROP kind [IF EXISTS] name, …`; undefined if the kind is unknown. */
export function parseDrop(c: Cursor): Drop | undefined {
  const start = c.index
  c.next()
  c.takeKeyword('TEMPORARY')
  const object = takeObjectKind(c)
  if (object === undefined) {
    if (c.strict) c.fail(...kindWords())
    c.index = start
    return undefined
  }
  const ifExists = c.takeKeyword('IF EXISTS')
  const names = c.list(() => parseQualifiedName(c, 'name'))
  if (object === 'row_policy' && c.takeKeyword('ON')) names.push(parseQualifiedName(c))
  c.takeKeyword('SYNC')
  return { kind: 'drop', object, names, ifExists, ...parseTail(c), span: c.span(start) }
}

export function parseDelete(c: Cursor): Delete {
  const start = c.index
  c.expectKeyword('DELETE FROM')
  const from = parseQualifiedName(c)
  c.expectKeyword('WHERE')
  return { kind: 'delete', from, where: parseExprWithAlias(c), ...parseTail(c), span: c.span(start) }
}

/** `RENAME [STREAM | VIEW | DATABASE] a TO b, …`. */
export function parseRename(c: Cursor): Rename {
  const start = c.index
  c.next()
  const object = c.takeKeyword('DATABASE') ? 'database' : c.takeKeyword('VIEW') ? 'view' : 'stream'
  if (object === 'stream' && !c.takeKeyword('STREAM') && !c.takeKeyword('TABLE'))
    c.fail('STREAM', 'VIEW', 'DATABASE')
  const ifExists = c.takeKeyword('IF EXISTS')
  const pairs = c.list(() => {
    const from = parseQualifiedName(c)
    c.expectKeyword('TO')
    return { from, to: parseQualifiedName(c) }
  })
  return {
    kind: 'rename',
    object,
    ...(ifExists ? { ifExists } : {}),
    pairs,
    ...parseTail(c),
    span: c.span(start),
  }
}

export function parseTruncate(c: Cursor): Truncate {
  const start = c.index
  c.next()
  c.takeKeyword('TEMPORARY')
  if ((c.keyword('STREAM') || c.keyword('TABLE')) && c.isName(1)) c.next()
  const ifExists = c.takeKeyword('IF EXISTS')
  return { kind: 'truncate', name: parseQualifiedName(c), ifExists, ...parseTail(c), span: c.span(start) }
}

export function parseOptimize(c: Cursor): Optimize {
  const start = c.index
  c.next()
  if (!c.takeKeyword('STREAM')) c.expectKeyword('TABLE')
  const name = parseQualifiedName(c)
  const final = c.takeKeyword('FINAL')
  return { kind: 'optimize', name, final, ...parseTail(c), span: c.span(start) }
}

export function parseUse(c: Cursor): Use {
  const start = c.index
  c.next()
  c.takeKeyword('DATABASE')
  return { kind: 'use', database: c.name('database'), span: c.span(start) }
}

export function parseSet(c: Cursor): SetStatement {
  const start = c.index
  c.next()
  return { kind: 'set', settings: parseSettings(c), span: c.span(start) }
}

/** `KILL QUERY WHERE … [SYNC | ASYNC | TEST]`. */
export function parseKill(c: Cursor): KillQuery {
  const start = c.index
  c.expectKeyword('KILL QUERY')
  c.expectKeyword('WHERE')
  const kill: KillQuery = { kind: 'kill_query', where: parseExprWithAlias(c) }
  for (const mode of ['sync', 'async', 'test'] as const)
    if (c.takeKeyword(mode.toUpperCase())) kill.mode = mode
  return { ...kill, ...parseTail(c), span: c.span(start) }
}

export function parseSubscribe(c: Cursor): Subscribe {
  const start = c.index
  c.expectKeyword('SUBSCRIBE')
  c.expectKeyword('TO')
  return { kind: 'subscribe', query: parseQueryWithOutput(c), span: c.span(start) }
}

export function parseRecover(c: Cursor): RecoverFrom {
  const start = c.index
  c.expectKeyword('RECOVER')
  c.expectKeyword('FROM')
  return { kind: 'recover', queryId: c.string(), ...parseTail(c), span: c.span(start) }
}

export function parseUnsubscribe(c: Cursor): Unsubscribe {
  const start = c.index
  c.expectKeyword('UNSUBSCRIBE')
  c.expectKeyword('TO')
  return { kind: 'unsubscribe', queryId: c.string(), ...parseTail(c), span: c.span(start) }
}

/** SYSTEM commands that are about one object, whose name follows. */
const WITH_TARGET = [
  'PAUSE MATERIALIZED VIEW',
  'RESUME MATERIALIZED VIEW',
  'ABORT MATERIALIZED VIEW',
  'RECOVER MATERIALIZED VIEW',
  'UNPAUSE MATERIALIZED VIEW',
  'PAUSE TASK',
  'RESUME TASK',
  'EXEC TASK',
  'PAUSE ALERT',
  'RESUME ALERT',
  'TRANSFER LEADER',
  'RELOAD DICTIONARY',
  'RELOAD FUNCTION',
  'STOP MERGES',
  'START MERGES',
  'SYNC REPLICA',
  'RESTART REPLICA',
]

/** `SYSTEM command [object] [rest]`: the command's words upper-case. */
export function parseSystem(c: Cursor): SystemStatement {
  const start = c.index
  c.next()
  const node: SystemStatement = { kind: 'system', command: '' }
  const command = WITH_TARGET.find((words) => c.keyword(words) && c.isName(words.split(' ').length))
  if (command !== undefined) {
    c.takeKeyword(command)
    node.command = command
    node.target = parseQualifiedName(c)
  } else {
    if (c.token.kind !== 'word') c.fail('SYSTEM command')
    const words: string[] = []
    while (c.token.kind === 'word' && !c.keyword('FORMAT') && !c.keyword('SETTINGS'))
      words.push(c.next().upper)
    node.command = words.join(' ')
  }
  const from = c.index
  while (!c.atEnd && !c.keyword('FORMAT') && !c.keyword('SETTINGS')) {
    if (c.token.kind === 'error') c.fail('end of query')
    c.next()
  }
  if (c.index > from) node.rest = tokensText(c, from)
  return { ...node, ...parseTail(c), span: c.span(start) }
}

function tokensText(c: Cursor, from: number): string {
  return c
    .slice(from)
    .map((t) => t.text)
    .join(' ')
}
