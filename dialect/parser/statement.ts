import type { Opaque, QualifiedName, Statement } from '../ast.js'
import { parseAccess } from './access.js'
import { parseAlter } from './alter.js'
import { parseCreate } from './create.js'
import type { Cursor } from './cursor.js'
import { parseInsert } from './insert.js'
import { isQuery } from './lookahead.js'
import {
  parseDelete,
  parseDrop,
  parseKill,
  parseOptimize,
  parseRecover,
  parseRename,
  parseSet,
  parseSubscribe,
  parseSystem,
  parseTruncate,
  parseUnsubscribe,
  parseUse,
} from './other.js'
import { parseQueryWithOutput } from './select.js'
import { parseDescribe, parseExistsStatement, parseExplain, parseShow } from './show.js'

type Parse = (c: Cursor) => Statement | undefined

/** By first word. A parser that answers undefined has taken nothing and does not know the statement. */
const STATEMENTS: Record<string, Parse> = {
  EXPLAIN: (c) => parseExplain(c, parseOne),
  CREATE: (c) => parseAccess(c) ?? parseCreate(c),
  INSERT: parseInsert,
  DELETE: parseDelete,
  ALTER: (c) => parseAccess(c) ?? parseAlter(c),
  RENAME: parseRename,
  TRUNCATE: parseTruncate,
  DROP: parseDrop,
  OPTIMIZE: parseOptimize,
  SHOW: parseShow,
  DESCRIBE: parseDescribe,
  DESC: parseDescribe,
  EXISTS: parseExistsStatement,
  USE: parseUse,
  SET: (c) => parseAccess(c) ?? parseSet(c),
  KILL: parseKill,
  SYSTEM: parseSystem,
  SUBSCRIBE: parseSubscribe,
  RECOVER: parseRecover,
  UNSUBSCRIBE: parseUnsubscribe,
  GRANT: parseAccess,
  REVOKE: parseAccess,
}

/** One statement, without the `;`. */
export function parseOne(c: Cursor): Statement {
  if (isQuery(c) || c.keyword('SELECT') || c.keyword('WITH') || c.is('(')) {
    const start = c.index
    const query = parseQueryWithOutput(c)
    return { kind: 'query', query, span: c.span(start) }
  }
  const first = c.token.upper
  const known = Object.hasOwn(STATEMENTS, first) ? STATEMENTS[first]!(c) : undefined
  if (known) return known
  if (c.strict || c.token.kind !== 'word') c.fail('SELECT', 'WITH', ...Object.keys(STATEMENTS))
  return parseOpaque(c)
}

/** Kinds of object in `CREATE … kind name` that a reader of opaque statements can still make out. */
const NOUNS = new Set(
  'STREAM VIEW TABLE FUNCTION DICTIONARY DISK SOURCE SINK CONNECTION PIPE INPUT WORKSPACE POLICY'.split(' '),
)

/** A statement of another time: its tokens, its name if it creates something, its declared dependencies. */
function parseOpaque(c: Cursor): Opaque {
  const start = c.index
  while (!c.atEnd) {
    if (c.token.kind === 'error') c.fail('end of query')
    c.next()
  }
  const tokens = c.slice(start)
  const node: Opaque = {
    kind: 'opaque',
    text: tokens.map((t) => t.text).join(' '),
    depends: [],
    span: c.span(start),
  }
  const noun = tokens[0]?.upper === 'CREATE' ? tokens.findIndex((t) => NOUNS.has(t.upper)) : -1
  const name = noun > 0 ? nameAt(tokens, noun + 1) : undefined
  if (name) node.name = name
  return node
}

function nameAt(tokens: ReturnType<Cursor['slice']>, from: number): QualifiedName | undefined {
  let at = from
  if (tokens[at]?.upper === 'IF') at += 3
  const plain = (i: number): string | undefined => {
    const t = tokens[i]
    if (t?.kind === 'word') return t.text
    return t?.kind === 'quoted' ? t.text.slice(1, -1) : undefined
  }
  const first = plain(at)
  const second = tokens[at + 1]?.text === '.' ? plain(at + 2) : undefined
  if (first === undefined) return undefined
  return second === undefined ? { name: first } : { database: first, name: second }
}
