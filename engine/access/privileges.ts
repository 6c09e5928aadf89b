/** What can be granted: the privileges that the engine asks for, as a tree of groups (Proton's AccessType). */
import { EngineError } from '../errors.js'

/** Where a privilege may be granted at the narrowest. */
export type Level = 'global' | 'database' | 'table' | 'column'

const TREE: [name: string, level: Level | 'group', parent: string, aliases?: string][] = [
  ['ALL', 'group', '', 'ALL PRIVILEGES'],
  ['SHOW', 'group', 'ALL'],
  ['SHOW DATABASES', 'database', 'SHOW'],
  ['SHOW TABLES', 'table', 'SHOW', 'SHOW STREAMS'],
  ['SHOW COLUMNS', 'column', 'SHOW'],
  ['SHOW DICTIONARIES', 'table', 'SHOW'],
  ['SHOW FORMAT SCHEMAS', 'global', 'SHOW'],
  ['SELECT', 'column', 'ALL'],
  ['INSERT', 'column', 'ALL'],
  ['ALTER', 'group', 'ALL'],
  ['ALTER TABLE', 'group', 'ALTER', 'ALTER STREAM'],
  ['ALTER UPDATE', 'column', 'ALTER TABLE', 'UPDATE'],
  ['ALTER DELETE', 'column', 'ALTER TABLE', 'DELETE'],
  ['ALTER COLUMN', 'group', 'ALTER TABLE'],
  ['ALTER ADD COLUMN', 'column', 'ALTER COLUMN', 'ADD COLUMN'],
  ['ALTER MODIFY COLUMN', 'column', 'ALTER COLUMN', 'MODIFY COLUMN'],
  ['ALTER DROP COLUMN', 'column', 'ALTER COLUMN', 'DROP COLUMN'],
  ['ALTER COMMENT COLUMN', 'column', 'ALTER COLUMN', 'COMMENT COLUMN'],
  ['ALTER RENAME COLUMN', 'column', 'ALTER COLUMN', 'RENAME COLUMN'],
  ['ALTER MODIFY COMMENT', 'table', 'ALTER TABLE', 'MODIFY COMMENT'],
  ['ALTER INDEX', 'group', 'ALTER TABLE', 'INDEX'],
  ['ALTER ADD INDEX', 'table', 'ALTER INDEX', 'ADD INDEX'],
  ['ALTER DROP INDEX', 'table', 'ALTER INDEX', 'DROP INDEX'],
  ['ALTER MATERIALIZE INDEX', 'table', 'ALTER INDEX', 'MATERIALIZE INDEX'],
  ['ALTER CLEAR INDEX', 'table', 'ALTER INDEX', 'CLEAR INDEX'],
  ['ALTER TTL', 'table', 'ALTER TABLE', 'ALTER MODIFY TTL,MODIFY TTL'],
  [
    'ALTER SETTINGS',
    'table',
    'ALTER TABLE',
    'ALTER SETTING,ALTER MODIFY SETTING,MODIFY SETTING,RESET SETTING',
  ],
  ['ALTER NAMED COLLECTION', 'global', 'ALTER'],
  ['ALTER VIEW', 'group', 'ALTER'],
  ['ALTER VIEW MODIFY QUERY', 'table', 'ALTER VIEW', 'ALTER TABLE MODIFY QUERY'],
  ['CREATE', 'group', 'ALL'],
  ['CREATE DATABASE', 'database', 'CREATE'],
  ['CREATE TABLE', 'table', 'CREATE', 'CREATE STREAM'],
  ['CREATE VIEW', 'table', 'CREATE', 'CREATE MATERIALIZED VIEW'],
  ['CREATE DICTIONARY', 'table', 'CREATE'],
  ['CREATE TASK', 'table', 'CREATE'],
  ['CREATE ALERT', 'table', 'CREATE'],
  ['CREATE FUNCTION', 'global', 'CREATE'],
  ['CREATE FORMAT SCHEMA', 'global', 'CREATE'],
  ['CREATE NAMED COLLECTION', 'global', 'CREATE'],
  ['DROP', 'group', 'ALL'],
  ['DROP DATABASE', 'database', 'DROP'],
  ['DROP TABLE', 'table', 'DROP', 'DROP STREAM'],
  ['DROP VIEW', 'table', 'DROP', 'DROP MATERIALIZED VIEW'],
  ['DROP DICTIONARY', 'table', 'DROP'],
  ['DROP TASK', 'table', 'DROP'],
  ['DROP ALERT', 'table', 'DROP'],
  ['DROP FUNCTION', 'global', 'DROP'],
  ['DROP FORMAT SCHEMA', 'global', 'DROP'],
  ['DROP NAMED COLLECTION', 'global', 'DROP'],
  ['TRUNCATE', 'table', 'ALL', 'TRUNCATE TABLE,TRUNCATE STREAM'],
  ['OPTIMIZE', 'table', 'ALL', 'OPTIMIZE TABLE,OPTIMIZE STREAM'],
  ['KILL QUERY', 'global', 'ALL'],
  ['ACCESS MANAGEMENT', 'group', 'ALL'],
  ['CREATE USER', 'global', 'ACCESS MANAGEMENT'],
  ['ALTER USER', 'global', 'ACCESS MANAGEMENT'],
  ['DROP USER', 'global', 'ACCESS MANAGEMENT'],
  ['CREATE ROLE', 'global', 'ACCESS MANAGEMENT'],
  ['ALTER ROLE', 'global', 'ACCESS MANAGEMENT'],
  ['DROP ROLE', 'global', 'ACCESS MANAGEMENT'],
  ['ROLE ADMIN', 'global', 'ACCESS MANAGEMENT'],
  ['CREATE ROW POLICY', 'table', 'ACCESS MANAGEMENT', 'CREATE POLICY'],
  ['ALTER ROW POLICY', 'table', 'ACCESS MANAGEMENT', 'ALTER POLICY'],
  ['DROP ROW POLICY', 'table', 'ACCESS MANAGEMENT', 'DROP POLICY'],
  ['CREATE QUOTA', 'global', 'ACCESS MANAGEMENT'],
  ['ALTER QUOTA', 'global', 'ACCESS MANAGEMENT'],
  ['DROP QUOTA', 'global', 'ACCESS MANAGEMENT'],
  ['SHOW ACCESS', 'group', 'ACCESS MANAGEMENT'],
  ['SHOW USERS', 'global', 'SHOW ACCESS', 'SHOW CREATE USER'],
  ['SHOW ROLES', 'global', 'SHOW ACCESS', 'SHOW CREATE ROLE'],
  ['SHOW ROW POLICIES', 'table', 'SHOW ACCESS', 'SHOW POLICIES,SHOW CREATE ROW POLICY,SHOW CREATE POLICY'],
  ['SHOW NAMED COLLECTIONS', 'global', 'ACCESS MANAGEMENT'],
  ['SYSTEM', 'group', 'ALL'],
  ['SYSTEM VIEWS', 'table', 'SYSTEM'],
  ['SYSTEM RELOAD', 'global', 'SYSTEM'],
  ['SYSTEM FLUSH', 'global', 'SYSTEM'],
  ['DICT GET', 'table', 'ALL', 'DICTGET,DICT HAS'],
]

const LEVELS: Level[] = ['global', 'database', 'table', 'column']
const LEAVES = new Map<string, Level>()
const CHILDREN = new Map<string, string[]>()
const BY_NAME = new Map<string, string>()

for (const [name, level, parent, aliases] of TREE) {
  if (level !== 'group') LEAVES.set(name, level)
  CHILDREN.set(parent, [...(CHILDREN.get(parent) ?? []), name])
  for (const spelling of [name, ...(aliases?.split(',') ?? [])]) BY_NAME.set(spelling, name)
}

/** No rights at all: what GRANT may name, and nobody asks for. */
const NOTHING = new Set(['NONE', 'USAGE', 'NO PRIVILEGES'])

/** The single privileges that a name stands for. Throws 62. */
export function leavesOf(written: string): string[] {
  if (NOTHING.has(written)) return []
  const name = BY_NAME.get(written)
  if (name === undefined) throw new EngineError('SYNTAX_ERROR', `Unknown privilege: ${written}`)
  return below(name)
}

function below(name: string): string[] {
  const children = CHILDREN.get(name)
  return children ? children.flatMap(below) : [name]
}

/** Whether a privilege may be granted on something so narrow. */
export function reaches(leaf: string, level: Level): boolean {
  return LEVELS.indexOf(LEAVES.get(leaf) ?? 'global') >= LEVELS.indexOf(level)
}

/** Single privileges as few words as possible: groups where they are complete at this level. */
export function grouped(leaves: ReadonlySet<string>, level: Level): string[] {
  const visit = (name: string): string[] => {
    const within = below(name).filter((leaf) => reaches(leaf, level))
    if (within.length === 0) return []
    if (within.every((leaf) => leaves.has(leaf))) return [name]
    return CHILDREN.get(name)?.flatMap(visit) ?? []
  }
  return visit('ALL')
}

/** Privileges that come along with another one, on the same object. */
const IMPLIED: Record<string, readonly string[]> = {
  'CREATE VIEW': ['CREATE TABLE'],
  'DROP VIEW': ['DROP TABLE'],
  'ALTER VIEW MODIFY QUERY': below('ALTER TABLE'),
}

export function impliedBy(leaf: string): readonly string[] {
  return IMPLIED[leaf] ?? []
}

/** Any grant on an object lets its owner see that it is there. */
export function isImplicit(leaf: string): boolean {
  return /^SHOW (?:DATABASES|TABLES|COLUMNS|DICTIONARIES)$/.test(leaf)
}
