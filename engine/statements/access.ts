/** CREATE, ALTER and DROP of users, roles and row policies; GRANT, REVOKE, SET ROLE. */
import { randomUUID } from 'node:crypto'
import type { AccessCommand, Drop, NamesOf, QualifiedName } from '../../dialect/ast.js'
import { printExpr } from '../../dialect/index.js'
import { type AccessControl, demand, denied, may } from '../access/control.js'
import { credential, NO_PASSWORD } from '../access/passwords.js'
import { EVERYBODY, NOBODY, type Role, type RowPolicy, type User } from '../access/principals.js'
import type { QueryContext } from '../contracts.js'
import { EngineError } from '../errors.js'
import { fullName, type StatementDeps, storeExpr } from './deps.js'
import { notSupported } from './errors.js'
import { grant } from './grants.js'

type Command<Kind extends AccessCommand['kind']> = Extract<AccessCommand, { kind: Kind }>

export async function access(
  command: AccessCommand,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  switch (command.kind) {
    case 'user':
      for (const name of command.names) await defineUser(command, name, context, deps)
      return
    case 'role':
      for (const name of command.names) await defineRole(command, name, context, deps)
      return
    case 'row_policy':
      for (const policy of command.policies) await definePolicy(command, policy, context, deps)
      return
    case 'grant':
      return grant(command, context, deps)
    case 'set_role':
      return setRole(command, context, deps)
    case 'set_default_role':
      return setDefaultRole(command, context, deps)
    case 'other':
      throw notSupported(`${command.object.replace('_', ' ').toUpperCase()}S`)
  }
}

export function unknown(kind: 'user' | 'role' | 'row policy', name: string): EngineError {
  const code = { user: 'UNKNOWN_USER', role: 'UNKNOWN_ROLE', 'row policy': 'UNKNOWN_ROW_POLICY' } as const
  return new EngineError(code[kind], `There is no ${kind} \`${name}\` in user directories`)
}

export function readonly(name: string): EngineError {
  return new EngineError(
    'ACCESS_STORAGE_READONLY',
    `Cannot update user \`${name}\`: it is built in, and cannot be changed`,
  )
}

interface Existence {
  alter: boolean
  orReplace: boolean
  ifNotExists: boolean
  ifExists: boolean
}

/** Whether there is something to do; throws where it is there and should not be, or the other way round. */
function proceeds(
  mode: Existence,
  kind: 'user' | 'role' | 'row policy',
  name: string,
  exists: boolean,
): boolean {
  if (mode.alter && !exists) {
    if (mode.ifExists) return false
    throw unknown(kind, name)
  }
  if (!mode.alter && exists && !mode.orReplace) {
    if (mode.ifNotExists) return false
    throw taken(kind, name)
  }
  return true
}

function taken(kind: string, name: string): EngineError {
  return new EngineError(
    'ACCESS_ENTITY_ALREADY_EXISTS',
    `${kind} \`${name}\`: cannot insert because ${kind} \`${name}\` already exists in user directories`,
  )
}

async function defineUser(
  command: Command<'user'>,
  name: string,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const { control } = deps.guard
  const who = deps.guard.accessOf(context)
  // Anybody may change their own password.
  const ownPassword = command.alter && name === context.user && onlyPassword(command)
  if (!ownPassword) demand(who, command.alter ? 'ALTER USER' : 'CREATE USER')
  if (command.orReplace) demand(who, 'DROP USER')
  const [refused] = command.refused
  if (refused) throw notSupported(refused)
  const host = command.hosts.find((text) => text !== 'ANY' && text !== 'LOCAL')
  if (host) throw notSupported(`HOST ${host} (the engine is reached from this machine alone)`)
  if (control.isBuiltIn(name)) throw command.alter ? readonly(name) : taken('user', name)
  if (!proceeds(command, 'user', name, control.users.get(name) !== undefined)) return
  const before: User =
    command.alter && control.users.get(name)
      ? control.users.get(name)!
      : {
          kind: 'user',
          uuid: randomUUID(),
          rights: [],
          roles: [],
          credential: NO_PASSWORD,
          hosts: ['ANY'],
          defaultRoles: EVERYBODY,
          defaultDatabase: '',
        }
  for (const role of command.defaultRoles?.names ?? []) requireRole(control, role)
  const user: User = {
    ...before,
    ...(command.auth ? { credential: await credential(command.auth) } : {}),
    ...(command.hosts.length > 0 ? { hosts: command.hosts } : {}),
    ...(command.defaultRoles ? { defaultRoles: command.defaultRoles } : {}),
    ...(command.defaultDatabase === undefined ? {} : { defaultDatabase: command.defaultDatabase }),
  }
  if (command.rename === undefined) return control.users.put(name, user)
  if (control.isBuiltIn(command.rename) || control.users.get(command.rename)) {
    throw taken('user', command.rename)
  }
  await control.users.put(command.rename, user)
  await control.users.remove(name)
  await renameEverywhere(control, name, command.rename)
}

function onlyPassword(command: Command<'user'>): boolean {
  const { auth, hosts, defaultRoles, defaultDatabase, rename } = command
  return auth !== undefined && hosts.length === 0 && !defaultRoles && defaultDatabase === undefined && !rename
}

export function requireRole(control: AccessControl, name: string): Role {
  const role = control.roles.get(name)
  if (!role) throw unknown('role', name)
  return role
}

async function defineRole(
  command: Command<'role'>,
  name: string,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const { control } = deps.guard
  const who = deps.guard.accessOf(context)
  demand(who, command.alter ? 'ALTER ROLE' : 'CREATE ROLE')
  if (command.orReplace) demand(who, 'DROP ROLE')
  const before = control.roles.get(name)
  if (!proceeds(command, 'role', name, before !== undefined)) return
  const role: Role =
    command.alter && before ? before : { kind: 'role', uuid: randomUUID(), rights: [], roles: [] }
  const { rename } = command
  if (rename === undefined) return control.roles.put(name, role)
  if (control.roles.get(rename)) throw taken('role', rename)
  await control.roles.put(rename, role)
  await control.roles.remove(name)
  await renameEverywhere(control, name, rename)
}

/** A user or role has another name wherever it was named, or none. */
async function renameEverywhere(control: AccessControl, from: string, to: string | undefined): Promise<void> {
  const names = (list: string[]) =>
    list.flatMap((name) => (name !== from ? [name] : to === undefined ? [] : [to]))
  const set = ({ all, names: list, except }: NamesOf) => ({ all, names: names(list), except: names(except) })
  const roles = (list: User['roles']) =>
    list.flatMap((granted) => names([granted.role]).map((role) => ({ ...granted, role })))
  const mentions = (value: object) => JSON.stringify(value).includes(JSON.stringify(from))
  for (const [name, user] of control.users.list().filter(([, user]) => mentions(user))) {
    const changed = { ...user, roles: roles(user.roles), defaultRoles: set(user.defaultRoles) }
    await control.users.put(name, changed)
  }
  for (const [name, role] of control.roles.list().filter(([, role]) => mentions(role))) {
    await control.roles.put(name, { ...role, roles: roles(role.roles) })
  }
  for (const [key, policy] of control.policies.list().filter(([, policy]) => mentions(policy.to))) {
    await control.policies.put(key, { ...policy, to: set(policy.to) })
  }
}

async function definePolicy(
  command: Command<'row_policy'>,
  { name, on }: { name: string; on: QualifiedName },
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const { control } = deps.guard
  const target = fullName(on, context)
  const scope =
    target.name === '*' ? { database: target.database } : { database: target.database, table: target.name }
  demand(deps.guard.accessOf(context), command.alter ? 'ALTER ROW POLICY' : 'CREATE ROW POLICY', scope)
  const key = policyKey(name, target)
  const before = control.policies.get(key)
  if (!proceeds(command, 'row policy', policyName(name, target), before !== undefined)) return
  if (command.using) storeExpr(command.using, deps)
  if (target.name !== '*') deps.catalog.require(target)
  const policy: RowPolicy = {
    ...(command.alter && before
      ? before
      : {
          uuid: randomUUID(),
          name,
          database: target.database,
          table: target.name,
          restrictive: false,
          to: NOBODY,
        }),
    ...(command.restrictive === undefined ? {} : { restrictive: command.restrictive }),
    ...(command.to ? { to: namedBy(command.to, context, control) } : {}),
  }
  if (command.using) policy.using = printExpr(command.using)
  if (command.using === null) delete policy.using
  const { rename } = command
  if (rename === undefined) return control.policies.put(key, policy)
  const next = policyKey(rename, target)
  if (control.policies.get(next)) throw taken('row policy', policyName(rename, target))
  await control.policies.put(next, { ...policy, name: rename })
  await control.policies.remove(key)
}

export function policyKey(name: string, on: { database: string; name: string }): string {
  return JSON.stringify([on.database, on.name, name])
}

export function policyName(name: string, on: { database: string; name: string }): string {
  return `${name} ON ${on.database}.${on.name}`
}

/** The users and roles of a list; `CURRENT_USER` is whoever says it. Throws 192. */
export function namedBy(set: NamesOf, context: QueryContext, control: AccessControl): NamesOf {
  const resolved = (names: string[]) =>
    names.map((name) => {
      if (name.toUpperCase() === 'CURRENT_USER') return context.user
      if (!control.isBuiltIn(name) && !control.users.get(name) && !control.roles.get(name)) {
        throw unknown('user', name)
      }
      return name
    })
  return { all: set.all, names: resolved(set.names), except: resolved(set.except) }
}

function setRole(command: Command<'set_role'>, context: QueryContext, deps: StatementDeps): void {
  const { control } = deps.guard
  if (!command.roles) {
    context.roles = undefined
    return
  }
  const granted = control.users.get(context.user)?.roles.map(({ role }) => role) ?? []
  for (const name of command.roles.names) {
    requireRole(control, name)
    if (!granted.includes(name)) {
      throw new EngineError('SET_NON_GRANTED_ROLE', `Role ${name} should be granted to set as current`)
    }
  }
  const { all, names, except } = command.roles
  context.roles = (all ? granted : names).filter((name) => !except.includes(name))
}

async function setDefaultRole(
  command: Command<'set_default_role'>,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const { control } = deps.guard
  for (const name of namedBy(command.to, context, control).names) {
    if (control.isBuiltIn(name)) throw readonly(name)
    const user = control.users.get(name)
    if (!user) throw unknown('user', name)
    if (name !== context.user) demand(deps.guard.accessOf(context), 'ALTER USER')
    for (const role of command.roles.names) {
      requireRole(control, role)
      if (user.roles.some((granted) => granted.role === role)) continue
      throw new EngineError('SET_NON_GRANTED_ROLE', `Role ${role} should be granted to set default`)
    }
    await control.users.put(name, { ...user, defaultRoles: command.roles })
  }
}

export async function dropAccess(statement: Drop, context: QueryContext, deps: StatementDeps): Promise<void> {
  const { control } = deps.guard
  const who = deps.guard.accessOf(context)
  if (statement.object === 'row_policy') return dropPolicies(statement, context, deps)
  if (statement.object === 'quota') throw notSupported('QUOTAS')
  const kind = statement.object as 'user' | 'role'
  demand(who, kind === 'user' ? 'DROP USER' : 'DROP ROLE')
  for (const { name } of statement.names) {
    if (kind === 'user' && control.isBuiltIn(name)) throw readonly(name)
    const map = kind === 'user' ? control.users : control.roles
    if (!map.get(name)) {
      if (statement.ifExists) continue
      throw unknown(kind, name)
    }
    await map.remove(name)
    await renameEverywhere(control, name, undefined)
    deps.queries
      .list()
      .filter((query) => kind === 'user' && query.user === name)
      .forEach((query) => {
        deps.queries.kill(query.id)
      })
  }
}

/** `DROP ROW POLICY a, b ON t`: the parser puts the stream behind the names. */
async function dropPolicies(statement: Drop, context: QueryContext, deps: StatementDeps): Promise<void> {
  const { control } = deps.guard
  const on = statement.names.length > 1 ? fullName(statement.names.at(-1)!, context) : undefined
  if (!on) throw new EngineError('SYNTAX_ERROR', 'Syntax error: DROP ROW POLICY needs ON and a stream')
  const scope = on.name === '*' ? { database: on.database } : { database: on.database, table: on.name }
  demand(deps.guard.accessOf(context), 'DROP ROW POLICY', scope)
  for (const { name } of statement.names.slice(0, -1)) {
    if (control.policies.get(policyKey(name, on))) await control.policies.remove(policyKey(name, on))
    else if (!statement.ifExists) throw unknown('row policy', policyName(name, on))
  }
}

/** Whether somebody may hand on a role. */
export function mayGrantRole(role: string, context: QueryContext, deps: StatementDeps): void {
  const who = deps.guard.accessOf(context)
  if (may(who, 'ROLE ADMIN')) return
  const { control } = deps.guard
  const holders = [control.users.get(context.user), ...[...who.roles].map((name) => control.roles.get(name))]
  if (holders.some((holder) => holder?.roles.some((granted) => granted.role === role && granted.admin)))
    return
  throw denied(who, `${role} WITH ADMIN OPTION`)
}
