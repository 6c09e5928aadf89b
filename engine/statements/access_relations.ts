/** `system.users`, `system.grants` and the like; SHOW GRANTS and SHOW CREATE of users, roles and row policies. */

import type { ObjectKind, QualifiedName, Show } from '../../dialect/ast.js'
import { quoteName } from '../../dialect/index.js'
import { demand, may } from '../access/control.js'
import { namesText, type Role, type RowPolicy, type User } from '../access/principals.js'
import { listed } from '../access/rights.js'
import type { QueryContext, Relation } from '../contracts.js'
import { policyKey, policyName, unknown } from './access.js'
import { fullName, type StatementDeps } from './deps.js'
import { notSupported } from './errors.js'
import { jsonRelation, type RowShape } from './json_rows.js'

const STORAGE = 'local_directory'

const SHAPES = {
  users: {
    name: 'string',
    id: 'string',
    storage: 'string',
    auth_type: 'string',
    default_roles_all: 'uint8',
    default_roles_list: 'array(string)',
    default_roles_except: 'array(string)',
    default_database: 'string',
  },
  roles: { name: 'string', id: 'string', storage: 'string' },
  grants: {
    user_name: 'nullable(string)',
    role_name: 'nullable(string)',
    access_type: 'string',
    database: 'nullable(string)',
    table: 'nullable(string)',
    column: 'nullable(string)',
    is_partial_revoke: 'uint8',
    grant_option: 'uint8',
  },
  role_grants: {
    user_name: 'nullable(string)',
    role_name: 'nullable(string)',
    granted_role_name: 'string',
    with_admin_option: 'uint8',
  },
  row_policies: {
    name: 'string',
    short_name: 'string',
    database: 'string',
    table: 'string',
    id: 'string',
    storage: 'string',
    select_filter: 'nullable(string)',
    is_restrictive: 'uint8',
    apply_to_all: 'uint8',
    apply_to_list: 'array(string)',
    apply_to_except: 'array(string)',
  },
  current_roles: { role_name: 'string', with_admin_option: 'uint8', is_default: 'uint8' },
} satisfies Record<string, RowShape>

type Name = keyof typeof SHAPES

/** Undefined for names that are none of these. Without the right to see all of it, one sees what is about oneself. */
export function accessRelation(
  name: string,
  context: QueryContext,
  deps: StatementDeps,
): Relation | undefined {
  if (!Object.hasOwn(SHAPES, name)) return undefined
  return jsonRelation(SHAPES[name as Name], rowsOf(name as Name, context, deps))
}

function rowsOf(name: Name, context: QueryContext, deps: StatementDeps): unknown[][] {
  const { control } = deps.guard
  const who = deps.guard.accessOf(context)
  const users = may(who, 'SHOW USERS')
    ? control.users.list()
    : control.users.list().filter(([user]) => user === context.user)
  const roles = may(who, 'SHOW ROLES')
    ? control.roles.list()
    : control.roles.list().filter(([role]) => who.roles.has(role))
  const holders: [string | null, string | null, User | Role][] = [
    ...users.map(([user, holder]): [string, null, User] => [user, null, holder]),
    ...roles.map(([role, holder]): [null, string, Role] => [null, role, holder]),
  ]
  switch (name) {
    case 'users': {
      const builtIn = may(who, 'SHOW USERS') || control.isBuiltIn(context.user) ? control.builtIn() : []
      return [
        ...builtIn.map((user) => [user, '', 'built_in', 'plaintext_password', 1, [], [], '']),
        ...users.map(([user, { uuid, credential, defaultRoles, defaultDatabase }]) => [
          user,
          uuid,
          STORAGE,
          credential.method,
          defaultRoles.all ? 1 : 0,
          defaultRoles.names,
          defaultRoles.except,
          defaultDatabase,
        ]),
      ]
    }
    case 'roles':
      return roles.map(([role, { uuid }]) => [role, uuid, STORAGE])
    case 'grants':
      return holders.flatMap(([user, role, { rights }]) =>
        rights.map((grant) => [
          user,
          role,
          grant.privilege,
          grant.database ?? null,
          grant.table ?? null,
          grant.column ?? null,
          grant.granted ? 0 : 1,
          grant.option ? 1 : 0,
        ]),
      )
    case 'role_grants':
      return holders.flatMap(([user, role, holder]) =>
        holder.roles.map((granted) => [user, role, granted.role, granted.admin ? 1 : 0]),
      )
    case 'row_policies':
      return policiesSeen(context, deps).map((policy) => [
        policyName(policy.name, { database: policy.database, name: policy.table }),
        policy.name,
        policy.database,
        policy.table,
        policy.uuid,
        STORAGE,
        policy.using ?? null,
        policy.restrictive ? 1 : 0,
        policy.to.all ? 1 : 0,
        policy.to.names,
        policy.to.except,
      ])
    case 'current_roles': {
      const user = control.users.get(context.user)
      return [...who.roles].map((role) => {
        const granted = user?.roles.find((own) => own.role === role)
        return [role, granted?.admin ? 1 : 0, context.roles ? 0 : 1]
      })
    }
  }
}

function policiesSeen(context: QueryContext, deps: StatementDeps): RowPolicy[] {
  const who = deps.guard.accessOf(context)
  return deps.guard.control.policies
    .list()
    .map(([, policy]) => policy)
    .filter(({ database, table }) =>
      may(who, 'SHOW ROW POLICIES', table === '*' ? { database } : { database, table }),
    )
}

/** The lines of `SHOW GRANTS [FOR name]`. Others than oneself: with SHOW USERS. */
export function grantLines(name: string | undefined, context: QueryContext, deps: StatementDeps): string[] {
  const { control } = deps.guard
  const subject = name === undefined || name.toUpperCase() === 'CURRENT_USER' ? context.user : name
  if (subject !== context.user) demand(deps.guard.accessOf(context), 'SHOW USERS')
  const { full, rights: given } = control.accessOf(subject)
  if (full) return [`GRANT ALL ON *.* TO ${quoteName(subject)} WITH GRANT OPTION`]
  const holder = control.isBuiltIn(subject)
    ? { rights: given[0]!, roles: [] }
    : (control.users.get(subject) ?? control.roles.get(subject))
  if (!holder) throw unknown('user', subject)
  const who = quoteName(subject)
  const rights = listed(holder.rights).map(({ text, granted, option }) =>
    granted
      ? `GRANT ${text} TO ${who}${option ? ' WITH GRANT OPTION' : ''}`
      : `REVOKE ${option ? 'GRANT OPTION FOR ' : ''}${text} FROM ${who}`,
  )
  const roles = [false, true].flatMap((admin) => {
    const names = holder.roles.filter((granted) => granted.admin === admin).map(({ role }) => quoteName(role))
    return names.length === 0
      ? []
      : [`GRANT ${names.join(', ')} TO ${who}${admin ? ' WITH ADMIN OPTION' : ''}`]
  })
  return [...rights, ...roles]
}

/** `SHOW CREATE USER | ROLE | ROW POLICY`: without secrets, fit to be executed again. */
export function createAccessText(statement: Show, context: QueryContext, deps: StatementDeps): string {
  const { control } = deps.guard
  const who = deps.guard.accessOf(context)
  const { name } = statement.name!
  switch (statement.object) {
    case 'user': {
      const subject = name.toUpperCase() === 'CURRENT_USER' ? context.user : name
      if (subject !== context.user) demand(who, 'SHOW USERS')
      if (control.isBuiltIn(subject)) return `CREATE USER ${quoteName(subject)}`
      const user = control.users.get(subject)
      if (!user) throw unknown('user', subject)
      return userText(subject, user)
    }
    case 'role':
      demand(who, 'SHOW ROLES')
      if (!control.roles.get(name)) throw unknown('role', name)
      return `CREATE ROLE ${quoteName(name)}`
    case 'row_policy':
      return policyText(name, statement.on, context, deps)
    default:
      throw notSupported('SHOW CREATE QUOTA')
  }
}

function userText(name: string, user: User): string {
  const { credential, hosts, defaultRoles, defaultDatabase } = user
  const parts = [
    `CREATE USER ${quoteName(name)}`,
    credential.method === 'no_password' ? '' : `IDENTIFIED WITH ${credential.method}`,
    hosts.join() === 'ANY' ? '' : `HOST ${hosts.join(', ')}`,
    defaultRoles.all && defaultRoles.except.length === 0
      ? ''
      : `DEFAULT ROLE ${namesText(defaultRoles, quoteName)}`,
    defaultDatabase === '' ? '' : `DEFAULT DATABASE ${quoteName(defaultDatabase)}`,
  ]
  return parts.filter((part) => part !== '').join(' ')
}

function policyText(
  name: string,
  on: QualifiedName | undefined,
  context: QueryContext,
  deps: StatementDeps,
): string {
  const seen = policiesSeen(context, deps)
  const key = on && policyKey(name, fullName(on, context))
  const policy = seen.find((known) =>
    key === undefined
      ? known.name === name
      : policyKey(known.name, { database: known.database, name: known.table }) === key,
  )
  if (!policy) throw unknown('row policy', on ? policyName(name, fullName(on, context)) : name)
  const table = policy.table === '*' ? '*' : quoteName(policy.table)
  const parts = [
    `CREATE ROW POLICY ${quoteName(policy.name)} ON ${quoteName(policy.database)}.${table} FOR SELECT`,
    policy.using === undefined ? '' : `USING ${policy.using}`,
    policy.restrictive ? 'AS RESTRICTIVE' : 'AS PERMISSIVE',
    policy.to.all || policy.to.names.length > 0 ? `TO ${namesText(policy.to, quoteName)}` : '',
  ]
  return parts.filter((part) => part !== '').join(' ')
}

export function isOfAccess(object: ObjectKind | undefined): boolean {
  return object === 'user' || object === 'role' || object === 'row_policy' || object === 'quota'
}
