import type { ObjectKind } from '../ast.js'
import type { Cursor } from './cursor.js'

/** The words of each kind of object, longest first. */
const KINDS: [words: string, kind: ObjectKind][] = [
  ['MATERIALIZED VIEW', 'materialized_view'],
  ['NAMED COLLECTION', 'named_collection'],
  ['EXTERNAL STREAM', 'external_stream'],
  ['EXTERNAL TABLE', 'external_table'],
  ['FORMAT SCHEMA', 'format_schema'],
  ['RANDOM STREAM', 'random_stream'],
  ['POLICY', 'row_policy'],
  ['ROW POLICY', 'row_policy'],
  ['STREAM', 'stream'],
  ['TABLE', 'table'],
  ['VIEW', 'view'],
  ['FUNCTION', 'function'],
  ['DATABASE', 'database'],
  ['DICTIONARY', 'dictionary'],
  ['TASK', 'task'],
  ['ALERT', 'alert'],
  ['DISK', 'disk'],
  ['USER', 'user'],
  ['ROLE', 'role'],
  ['QUOTA', 'quota'],
]

/** Takes the words of an object's kind, if they stand here with a name behind. */
export function takeObjectKind(c: Cursor, allowed?: readonly ObjectKind[]): ObjectKind | undefined {
  for (const [words, kind] of KINDS) {
    if (allowed && !allowed.includes(kind)) continue
    const count = words.split(' ').length
    if (!c.keyword(words) || (!c.isName(count) && !c.isString(count))) continue
    c.index += count
    return kind
  }
  return undefined
}

/** How an object's kind is written. */
export const OBJECT_WORDS = Object.fromEntries(KINDS.map(([words, kind]) => [kind, words])) as Record<
  ObjectKind,
  string
>

export const kindWords = (): string[] => KINDS.map(([words]) => words)
