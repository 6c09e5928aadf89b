/** Users, roles, grants, row policies: the statement as text, and what it means. */
import type { AccessCommand, GrantElement, NamesOf } from '../ast/access.js'
import type { AccessStatement, QualifiedName } from '../ast.js'
import { SqlSyntaxError } from '../errors.js'
import { accessHead, accessText } from '../printer/access.js'
import { contextOf } from '../printer/context.js'
import { type Cursor, run } from './cursor.js'
import { parseExpr } from './expressions.js'
import { parseQualifiedName } from './tables.js'

const ACCESS_OBJECTS: [words: string, object: NonNullable<AccessStatement['object']>][] = [
  ['USER', 'user'],
  ['ROLE', 'role'],
  ['ROW POLICY', 'row_policy'],
  ['POLICY', 'row_policy'],
  ['QUOTA', 'quota'],
  ['SETTINGS PROFILE', 'settings_profile'],
  ['PROFILE', 'settings_profile'],
]

/** Users, roles, policies, quotas, grants; undefined if the statement is about something else. */
export function parseAccess(c: Cursor): AccessStatement | undefined {
  const action = c.token.upper
  if (action === 'GRANT' || action === 'REVOKE') {
    return accessNode(c, action.toLowerCase() as 'grant' | 'revoke')
  }
  if (action === 'SET') {
    return c.keyword('SET ROLE') || c.keyword('SET DEFAULT ROLE') ? accessNode(c, 'set_role') : undefined
  }
  const ahead = c.keyword('OR REPLACE', 1) ? 3 : 1
  const found = ACCESS_OBJECTS.find(([words]) => c.keyword(words, ahead))
  return found && accessNode(c, action === 'ALTER' ? 'alter' : 'create', found[1])
}

/** What is known is put in one text; what another edition may know is kept as it is written. */
function accessNode(
  c: Cursor,
  action: AccessStatement['action'],
  object?: NonNullable<AccessStatement['object']>,
): AccessStatement {
  const start = c.index
  const command = known(c)
  const node: AccessStatement = { kind: 'access', action, names: [], text: '' }
  if (object !== undefined) node.object = object
  if (command) {
    node.names = namesIn(command)
    const on = streamsIn(command)
    if (on.length > 0) node.on = on
    node.text = accessText(command, contextOf({}))
  } else {
    while (!c.atEnd) {
      if (c.token.kind === 'error') c.fail('end of query')
      c.next()
    }
    node.text = c
      .slice(start)
      .map((t) => t.text)
      .join(' ')
  }
  return { ...node, span: c.span(start) }
}

function known(c: Cursor): AccessCommand | undefined {
  const start = c.index
  try {
    const command = parseCommand(c)
    // Clauses that have no place in the tree are kept as they are written.
    if (c.atEnd && !(command.kind === 'user' && command.refused.length > 0)) return command
  } catch (cause) {
    if (!(cause instanceof SqlSyntaxError)) throw cause
  }
  c.index = start
  return undefined
}

function namesIn(command: AccessCommand): string[] {
  switch (command.kind) {
    case 'user':
    case 'role':
      return command.names
    case 'row_policy':
      return [...new Set(command.policies.map(({ name }) => name))]
    case 'grant':
    case 'set_default_role':
      return command.to.names
    case 'set_role':
      return command.roles?.names ?? []
    case 'other':
      return command.names
  }
}

function streamsIn(command: AccessCommand): QualifiedName[] {
  if (command.kind === 'row_policy') return command.policies.map(({ on }) => on)
  if (command.kind !== 'grant') return []
  return command.elements.map(({ database, name }) =>
    database === undefined ? { name } : { database, name },
  )
}

/** What an access statement does. Throws for what is no such statement, or none that is known. */
export function parseAccessCommand(statement: AccessStatement): AccessCommand {
  return run(statement.text, { strict: true }, (c) => {
    const command = parseCommand(c)
    if (!c.atEnd) c.fail('end of query')
    return command
  })
}

function parseCommand(c: Cursor): AccessCommand {
  if (c.takeKeyword('GRANT')) return parseGrant(c, false)
  if (c.takeKeyword('REVOKE')) return parseGrant(c, true)
  if (c.takeKeyword('SET DEFAULT ROLE')) {
    const roles = parseNames(c)
    c.expectKeyword('TO')
    return { kind: 'set_default_role', roles, to: parseNames(c) }
  }
  if (c.takeKeyword('SET ROLE')) {
    if (c.takeKeyword('DEFAULT')) return { kind: 'set_role' }
    return { kind: 'set_role', roles: parseNames(c) }
  }
  const alter = c.takeKeyword('ALTER')
  if (!alter) c.expectKeyword('CREATE')
  const before = !alter && c.takeKeyword('OR REPLACE')
  const found = ACCESS_OBJECTS.find(([words]) => c.takeKeyword(words))
  if (!found) c.fail(...ACCESS_OBJECTS.map(([words]) => words))
  const mode = {
    alter,
    orReplace: before || (!alter && c.takeKeyword('OR REPLACE')),
    ifNotExists: !alter && c.takeKeyword('IF NOT EXISTS'),
    ifExists: alter && c.takeKeyword('IF EXISTS'),
  }
  switch (found![1]) {
    case 'user':
      return { kind: 'user', ...mode, ...parseUser(c) }
    case 'role':
      return { kind: 'role', ...mode, names: c.list(() => parsePrincipal(c)), ...parseRename(c) }
    case 'row_policy':
      return { kind: 'row_policy', ...mode, ...parsePolicy(c) }
    default: {
      const start = c.index
      const names = c.isName() ? [c.name()] : []
      while (!c.atEnd) c.next()
      const rest = c.slice(start).map((t) => t.text)
      const head = accessHead(mode, found![0])
      return { kind: 'other', object: found![1], names, text: [head, ...rest].join(' ') }
    }
  }
}

function parsePrincipal(c: Cursor): string {
  if (c.isString()) return c.string()
  const name = c.name('name of a user or role')
  // `user@host` is one name.
  if (!c.take('@')) return name
  const host = c.isString() ? c.string() : c.name('host')
  return host === '%' ? name : `${name}@${host}`
}

function parseRename(c: Cursor): { rename?: string } {
  return c.takeKeyword('RENAME TO') ? { rename: parsePrincipal(c) } : {}
}

/** `NONE`, `ALL [EXCEPT a, b]`, `a, b [EXCEPT c]`; `CURRENT_USER` stays as it is. */
function parseNames(c: Cursor): NamesOf {
  if (c.takeKeyword('NONE')) return { all: false, names: [], except: [] }
  const all = c.takeKeyword('ALL')
  const names = all ? [] : c.list(() => parsePrincipal(c))
  const except = c.takeKeyword('EXCEPT') ? c.list(() => parsePrincipal(c)) : []
  return { all, names, except }
}

type User = Omit<Extract<AccessCommand, { kind: 'user' }>, 'kind' | keyof Mode>
type Mode = { alter: boolean; orReplace: boolean; ifNotExists: boolean; ifExists: boolean }

function parseUser(c: Cursor): User {
  const user: User = { names: c.list(() => parsePrincipal(c)), ...parseRename(c), hosts: [], refused: [] }
  while (!c.atEnd) {
    if (c.takeKeyword('NOT IDENTIFIED')) user.auth = { method: 'no_password' }
    else if (c.takeKeyword('IDENTIFIED')) user.auth = parseAuth(c)
    else if (c.takeKeyword('HOST')) {
      do user.hosts.push(parseHost(c))
      while (c.take(','))
    } else if (c.takeKeyword('DEFAULT ROLE')) user.defaultRoles = parseNames(c)
    else if (c.takeKeyword('DEFAULT DATABASE')) {
      user.defaultDatabase = c.takeKeyword('NONE') ? '' : c.name('database')
    } else if (c.takeKeyword('GRANTEES')) {
      if (!c.takeKeyword('ANY')) user.refused.push('GRANTEES')
      if (user.refused.length > 0) parseNames(c)
    } else if (c.keyword('SETTINGS')) {
      user.refused.push('SETTINGS of a user')
      while (!c.atEnd) c.next()
    } else c.fail('IDENTIFIED', 'HOST', 'DEFAULT ROLE', 'DEFAULT DATABASE', 'GRANTEES', 'SETTINGS')
  }
  return user
}

function parseAuth(c: Cursor): NonNullable<User['auth']> {
  if (c.takeKeyword('BY')) return { method: 'sha256_password', secret: c.string() }
  c.expectKeyword('WITH')
  const method = c.name('authentication method').toLowerCase()
  if (method === 'no_password') return { method }
  c.expectKeyword('BY')
  const secret = c.string()
  return c.takeKeyword('SALT') ? { method, secret, salt: c.string() } : { method, secret }
}

function parseHost(c: Cursor): string {
  for (const word of ['ANY', 'NONE', 'LOCAL']) if (c.takeKeyword(word)) return word
  for (const word of ['IP', 'NAME', 'REGEXP', 'LIKE']) {
    if (c.takeKeyword(word)) return `${word} ${c.string()}`
  }
  c.fail('ANY', 'LOCAL', 'NONE', 'IP', 'NAME', 'REGEXP', 'LIKE')
}

type Policy = Omit<Extract<AccessCommand, { kind: 'row_policy' }>, 'kind' | keyof Mode>

function parsePolicy(c: Cursor): Policy {
  const names = c.list(() => c.name('name of a row policy'))
  c.expectKeyword('ON')
  const tables = c.list(() => parseTable(c))
  const policies = names.flatMap((name) => tables.map((on) => ({ name, on })))
  const policy: Policy = { policies, ...parseRename(c) }
  while (!c.atEnd) {
    if (c.takeKeyword('FOR')) c.expectKeyword('SELECT')
    else if (c.takeKeyword('AS PERMISSIVE')) policy.restrictive = false
    else if (c.takeKeyword('AS RESTRICTIVE')) policy.restrictive = true
    else if (c.takeKeyword('USING NONE')) policy.using = null
    else if (c.takeKeyword('USING')) policy.using = parseExpr(c)
    else if (c.takeKeyword('TO')) policy.to = parseNames(c)
    else c.fail('FOR SELECT', 'AS', 'USING', 'TO')
  }
  return policy
}

/** `t`, `db.t`, `db.*`. */
export function parseTable(c: Cursor): QualifiedName {
  if (!c.symbolAt(1, '.') || !c.symbolAt(2, '*')) return parseQualifiedName(c)
  const database = c.name('database')
  c.expect('.')
  c.expect('*')
  return { database, name: '*' }
}

function parseGrant(c: Cursor, revoke: boolean): AccessCommand {
  const optionFor = !revoke
    ? undefined
    : c.takeKeyword('GRANT OPTION FOR')
      ? 'grant'
      : c.takeKeyword('ADMIN OPTION FOR')
        ? 'admin'
        : undefined
  const elements = parseElements(c, revoke)
  const roles = elements ? [] : c.list(() => parsePrincipal(c))
  c.expectKeyword(revoke ? 'FROM' : 'TO')
  const command: Extract<AccessCommand, { kind: 'grant' }> = {
    kind: 'grant',
    revoke,
    elements: elements ?? [],
    roles,
    to: parseNames(c),
    grantOption: false,
    adminOption: false,
    replace: false,
    ...(optionFor ? { optionFor } : {}),
  }
  for (;;) {
    if (c.takeKeyword('WITH GRANT OPTION')) command.grantOption = true
    else if (c.takeKeyword('WITH ADMIN OPTION')) command.adminOption = true
    else if (c.takeKeyword('WITH REPLACE OPTION')) command.replace = true
    else return command
  }
}

/** `SELECT(a, b), INSERT ON db.*, …`; undefined where roles are meant, which have no ON. */
function parseElements(c: Cursor, revoke: boolean): GrantElement[] | undefined {
  const end = revoke ? 'FROM' : 'TO'
  for (let ahead = 0; ; ahead++) {
    const t = c.peek(ahead)
    if (t.kind === 'end' || t.upper === end) return undefined
    if (t.upper === 'ON') break
  }
  return c.list(() => {
    const privileges = c.list(() => parsePrivilege(c))
    c.expectKeyword('ON')
    return { privileges, ...parseScope(c) }
  })
}

function parsePrivilege(c: Cursor): GrantElement['privileges'][number] {
  const words: string[] = []
  while (c.token.kind === 'word' && !c.keyword('ON')) words.push(c.next().upper)
  if (words.length === 0) c.fail('privilege')
  const name = words.join(' ')
  if (!c.take('(')) return { name }
  const columns = c.list(() => c.name('column'))
  c.expect(')')
  return { name, columns }
}

function parseScope(c: Cursor): Pick<GrantElement, 'database' | 'name'> {
  if (c.take('*')) {
    if (!c.take('.')) return { name: '*' }
    c.expect('*')
    return { database: '*', name: '*' }
  }
  const first = c.name('stream')
  if (!c.take('.')) return { name: first }
  if (c.take('*')) return { database: first, name: '*' }
  return { database: first, name: c.name('stream') }
}
