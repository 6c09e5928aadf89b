/** One text for what an access statement does: keywords upper-case, names as they are. */
import type { AccessCommand, GrantElement, NamesOf } from '../ast/access.js'
import type { QualifiedName } from '../ast.js'
import { quoteName, quoteString } from '../text.js'
import type { PrintContext } from './context.js'
import { exprText } from './expressions.js'

type Command<Kind extends AccessCommand['kind']> = Extract<AccessCommand, { kind: Kind }>

const join = (...parts: (string | false | undefined)[]): string => parts.filter(Boolean).join(' ')

export function accessText(command: AccessCommand, ctx: PrintContext): string {
  switch (command.kind) {
    case 'user':
      return userText(command)
    case 'role':
      return join(accessHead(command, 'ROLE'), list(command.names), renameText(command))
    case 'row_policy':
      return policyText(command, ctx)
    case 'grant':
      return grantText(command)
    case 'set_role':
      return `SET ROLE ${command.roles ? namesText(command.roles) : 'DEFAULT'}`
    case 'set_default_role':
      return `SET DEFAULT ROLE ${namesText(command.roles)} TO ${namesText(command.to)}`
    case 'other':
      return command.text
  }
}

/** `CREATE USER OR REPLACE`, `ALTER ROLE IF EXISTS`: what stands before the names. */
export function accessHead(
  mode: { alter: boolean; orReplace: boolean; ifNotExists: boolean; ifExists: boolean },
  words: string,
) {
  return join(
    mode.alter ? 'ALTER' : 'CREATE',
    words,
    // Behind the kind, unlike OR REPLACE of everything else: no edition reads it before.
    mode.orReplace && 'OR REPLACE',
    mode.ifNotExists && 'IF NOT EXISTS',
    mode.ifExists && 'IF EXISTS',
  )
}

function renameText({ rename }: { rename?: string }): string | undefined {
  return rename === undefined ? undefined : `RENAME TO ${quoteName(rename)}`
}

function list(names: string[]): string {
  return names.map(quoteName).join(', ')
}

function namesText({ all, names, except }: NamesOf): string {
  const some = all ? 'ALL' : list(names) || 'NONE'
  return except.length === 0 ? some : `${some} EXCEPT ${list(except)}`
}

function userText(command: Command<'user'>): string {
  const { auth, hosts, defaultRoles, defaultDatabase } = command
  return join(
    accessHead(command, 'USER'),
    list(command.names),
    renameText(command),
    auth && join('IDENTIFIED WITH', auth.method, secretText(auth)),
    hosts.length > 0 && `HOST ${hosts.map(hostText).join(', ')}`,
    defaultRoles && `DEFAULT ROLE ${namesText(defaultRoles)}`,
    defaultDatabase !== undefined && `DEFAULT DATABASE ${quoteName(defaultDatabase) || 'NONE'}`,
  )
}

function secretText({ secret, salt }: { secret?: string; salt?: string }): string | undefined {
  if (secret === undefined) return undefined
  return join(`BY ${quoteString(secret)}`, salt !== undefined && `SALT ${quoteString(salt)}`)
}

function hostText(host: string): string {
  const [word, ...value] = host.split(' ')
  return value.length === 0 ? host : `${word} ${quoteString(value.join(' '))}`
}

function policyText(command: Command<'row_policy'>, ctx: PrintContext): string {
  const { policies, using, restrictive, to } = command
  const names = [...new Set(policies.map(({ name }) => name))]
  const tables = [...new Set(policies.map(({ on }) => tableText(on)))]
  return join(
    accessHead(command, 'ROW POLICY'),
    `${list(names)} ON ${tables.join(', ')}`,
    renameText(command),
    // Before the condition, behind which AS could begin an alias.
    restrictive !== undefined && `AS ${restrictive ? 'RESTRICTIVE' : 'PERMISSIVE'}`,
    using !== undefined && `USING ${using === null ? 'NONE' : exprText(using, ctx)}`,
    to && `TO ${namesText(to)}`,
  )
}

function tableText({ database, name }: Pick<QualifiedName, 'database' | 'name'>): string {
  const table = name === '*' ? '*' : quoteName(name)
  if (database === undefined) return table
  return `${database === '*' ? '*' : quoteName(database)}.${table}`
}

function grantText(command: Command<'grant'>): string {
  const { revoke, optionFor, elements, roles, to, grantOption, adminOption, replace } = command
  return join(
    revoke ? 'REVOKE' : 'GRANT',
    optionFor && `${optionFor.toUpperCase()} OPTION FOR`,
    elements.length > 0 ? elements.map(elementText).join(', ') : list(roles),
    revoke ? 'FROM' : 'TO',
    namesText(to),
    grantOption && 'WITH GRANT OPTION',
    adminOption && 'WITH ADMIN OPTION',
    replace && 'WITH REPLACE OPTION',
  )
}

function elementText({ privileges, database, name }: GrantElement): string {
  const names = privileges.map(({ name: privilege, columns }) =>
    columns ? `${privilege}(${list(columns)})` : privilege,
  )
  return `${names.join(', ')} ON ${tableText({ database, name })}`
}
