/** What one user or role may do, as the grants and revocations that made it. Pure. */
import { EngineError } from '../errors.js'
import { grouped, impliedBy, isImplicit, type Level, leavesOf, reaches } from './privileges.js'

/** Where: everywhere, in a database, on a stream or view, on one of its columns. */
export interface Scope {
  database?: string
  table?: string
  column?: string
}

/** One single privilege given or taken. What comes later wins. */
export interface Grant extends Scope {
  privilege: string
  granted: boolean
  /** With it, or taken from it: the right to pass it on. */
  option: boolean
}

export type Rights = readonly Grant[]

export function levelOf(scope: Scope): Level {
  if (scope.column !== undefined) return 'column'
  if (scope.table !== undefined) return 'table'
  return scope.database !== undefined ? 'database' : 'global'
}

/** `outer` holds wherever `inner` does. */
function covers(outer: Scope, inner: Scope): boolean {
  return (
    (outer.database === undefined || outer.database === inner.database) &&
    (outer.table === undefined || outer.table === inner.table) &&
    (outer.column === undefined || outer.column === inner.column)
  )
}

function same(a: Scope, b: Scope): boolean {
  return covers(a, b) && covers(b, a)
}

/**
 * The rights after `GRANT` of a privilege by its written name. Of a group, what cannot be granted so narrowly is left
 * out. Throws 509 where nothing is left.
 */
export function give(rights: Rights, name: string, scope: Scope, option: boolean): Rights {
  const all = leavesOf(name)
  const leaves = all.filter((leaf) => reaches(leaf, levelOf(scope)))
  if (all.length > 0 && leaves.length === 0) {
    throw new EngineError('INVALID_GRANT', `${name} cannot be granted on the ${levelOf(scope)} level`)
  }
  return leaves.reduce((before, privilege) => {
    const keeps = (grant: Grant) => grant.granted && grant.option && !option
    const rest = before.filter(
      (grant) => grant.privilege !== privilege || !covers(scope, grant) || keeps(grant),
    )
    const known = rest.some((grant) => grant.privilege === privilege && keeps(grant) && same(grant, scope))
    return known ? rest : [...rest, { privilege, ...scope, granted: true, option }]
  }, rights)
}

/** The rights after `REVOKE`: what is within is gone, what reaches further has a hole. */
export function take(rights: Rights, name: string, scope: Scope, optionOnly: boolean): Rights {
  return leavesOf(name).reduce((all, privilege) => {
    const mine = (grant: Grant) => grant.privilege === privilege
    const within = (grant: Grant) => mine(grant) && covers(scope, grant)
    const rest = optionOnly
      ? all.map((grant) => (within(grant) && grant.granted ? { ...grant, option: false } : grant))
      : all.filter((grant) => !within(grant))
    const wider = rest.some(
      (grant) => mine(grant) && grant.granted && covers(grant, scope) && !same(grant, scope),
    )
    if (!wider) return rest
    return [...rest, { privilege, ...scope, granted: false, option: optionOnly }]
  }, rights)
}

/** Whether the whole scope is granted. */
export function allows(rights: Rights, privilege: string, scope: Scope, option = false): boolean {
  if (isImplicit(privilege) && touches(rights, scope)) return true
  return (
    holds(rights, privilege, scope, option) ||
    impliedBy(privilege).some((wider) => holds(rights, wider, scope, option))
  )
}

function holds(rights: Rights, privilege: string, scope: Scope, option: boolean): boolean {
  let held = false
  let passable = false
  for (const grant of rights) {
    if (grant.privilege !== privilege) continue
    if (grant.granted) {
      if (!covers(grant, scope)) continue
      held = true
      passable ||= grant.option
      continue
    }
    if (!covers(grant, scope) && !covers(scope, grant)) continue
    passable = false
    if (!grant.option) held = false
  }
  return option ? held && passable : held
}

/** Whether anything is granted on the object, or within it. */
function touches(rights: Rights, scope: Scope): boolean {
  return rights.some(
    (grant) =>
      grant.granted &&
      (covers(grant, scope) || covers(scope, grant)) &&
      reaches(grant.privilege, scope.table === undefined ? 'database' : 'table') &&
      allowsSomewhere(rights, grant, scope),
  )
}

function allowsSomewhere(rights: Rights, grant: Grant, scope: Scope): boolean {
  const { privilege } = grant
  return holds(rights, privilege, covers(grant, scope) ? scope : grant, false)
}

/** Columns of a stream for which a privilege is granted. */
export function columnsAllowed(rights: Rights, privilege: string, scope: Scope, columns: string[]): string[] {
  return columns.filter((column) => holds(rights, privilege, { ...scope, column }, false))
}

/** As GRANT and REVOKE statements say it: `SELECT(a), INSERT ON db.t`. */
export function listed(rights: Rights): { text: string; granted: boolean; option: boolean }[] {
  const groups = new Map<string, { grant: Grant; columns: Map<string, string[]>; leaves: Set<string> }>()
  for (const grant of rights) {
    const { database = '*', table = '*', column } = grant
    const key = [grant.granted, grant.option, database, table].join('\0')
    const group = groups.get(key) ?? { grant, columns: new Map(), leaves: new Set() }
    if (column === undefined) group.leaves.add(grant.privilege)
    else group.columns.set(grant.privilege, [...(group.columns.get(grant.privilege) ?? []), column])
    groups.set(key, group)
  }
  return [...groups.values()].map(({ grant, columns, leaves }) => {
    const names = [
      ...grouped(leaves, levelOf({ ...grant, column: undefined })),
      ...[...columns].map(([privilege, list]) => `${privilege}(${list.join(', ')})`),
    ]
    const on = `${grant.database ?? '*'}.${grant.table ?? '*'}`
    return { text: `${names.join(', ')} ON ${on}`, granted: grant.granted, option: grant.option }
  })
}
