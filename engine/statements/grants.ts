import type { AccessCommand, GrantElement } from '../../dialect/ast.js'
import { denied, grantText, may } from '../access/control.js'
import type { Role, User } from '../access/principals.js'
import { leavesOf, reaches } from '../access/privileges.js'
import { give, levelOf, type Rights, type Scope, take } from '../access/rights.js'
import type { QueryContext } from '../contracts.js'
import { mayGrantRole, namedBy, readonly, requireRole, unknown } from './access.js'
import type { StatementDeps } from './deps.js'

type Grant = Extract<AccessCommand, { kind: 'grant' }>

/** `GRANT` and `REVOKE`, of privileges and of roles. */
export async function grant(command: Grant, context: QueryContext, deps: StatementDeps): Promise<void> {
  const { control } = deps.guard
  const pieces = command.elements.flatMap((element) => piecesOf(element, context))
  for (const piece of pieces) demandPassable(piece, context, deps)
  for (const role of command.roles) {
    requireRole(control, role)
    mayGrantRole(role, context, deps)
  }
  for (const name of granteesOf(command, context, deps)) {
    if (control.isBuiltIn(name)) throw readonly(name)
    const user = control.users.get(name)
    const role = user ? undefined : control.roles.get(name)
    if (user) await control.users.put(name, changed(user, pieces, command))
    else if (role) await control.roles.put(name, changed(role, pieces, command))
    else throw unknown('user', name)
  }
}

interface Piece {
  privilege: string
  scope: Scope
}

function piecesOf({ privileges, database, name }: GrantElement, context: QueryContext): Piece[] {
  const scope: Scope =
    database === '*'
      ? {}
      : { database: database ?? context.database, ...(name === '*' ? {} : { table: name }) }
  return privileges.flatMap((privilege) =>
    privilege.columns
      ? privilege.columns.map((column) => ({ privilege: privilege.name, scope: { ...scope, column } }))
      : [{ privilege: privilege.name, scope }],
  )
}

/** One can hand on, and take away, only what one has WITH GRANT OPTION. */
function demandPassable({ privilege, scope }: Piece, context: QueryContext, deps: StatementDeps): void {
  const who = deps.guard.accessOf(context)
  const missing = leavesOf(privilege)
    .filter((leaf) => reaches(leaf, levelOf(scope)))
    .find((leaf) => !may(who, leaf, scope, true))
  if (missing === undefined) return
  const { column, ...on } = scope
  const columns = column === undefined ? undefined : [column]
  throw denied(who, `${grantText(missing, on, columns)} WITH GRANT OPTION`)
}

function granteesOf(command: Grant, context: QueryContext, deps: StatementDeps): string[] {
  const { control } = deps.guard
  const set = namedBy(command.to, context, control)
  const all = [...control.users.list(), ...control.roles.list()].map(([name]) => name)
  return (set.all ? all : set.names).filter((name) => !set.except.includes(name))
}

function changed<Holder extends User | Role>(holder: Holder, pieces: Piece[], command: Grant): Holder {
  const { revoke, optionFor, grantOption, adminOption, replace } = command
  const start: Rights = replace && pieces.length > 0 ? [] : holder.rights
  const rights = pieces.reduce(
    (all, { privilege, scope }) =>
      revoke ? take(all, privilege, scope, optionFor === 'grant') : give(all, privilege, scope, grantOption),
    start,
  )
  const others = holder.roles.filter(({ role }) => !command.roles.includes(role))
  const mine = command.roles.flatMap((role) => {
    const had = holder.roles.find((granted) => granted.role === role)
    if (!revoke) return [{ role, admin: adminOption || (had?.admin ?? false) }]
    return optionFor === 'admin' && had ? [{ role, admin: false }] : []
  })
  const kept = replace && command.roles.length > 0 ? [] : others
  return { ...holder, rights, roles: command.roles.length > 0 ? [...kept, ...mine] : holder.roles }
}
