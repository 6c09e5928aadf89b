import type { NamesOf } from '../../dialect/ast.js'
import type { Credential } from './passwords.js'
import type { Rights } from './rights.js'

/** Roles that were granted, with the right to pass them on or without. */
export interface RoleGrant {
  role: string
  admin: boolean
}

interface Grantee {
  uuid: string
  rights: Rights
  roles: RoleGrant[]
}

export interface Role extends Grantee {
  kind: 'role'
}

export interface User extends Grantee {
  kind: 'user'
  credential: Credential
  /** `ANY` or `LOCAL`. */
  hosts: string[]
  defaultRoles: NamesOf
  defaultDatabase: string
}

/** Which rows of a stream or view table queries show. */
export interface RowPolicy {
  uuid: string
  name: string
  database: string
  /** `*`: all of the database. */
  table: string
  /** Proton SQL; absent: `USING NONE`. */
  using?: string
  restrictive: boolean
  to: NamesOf
}

export const NOBODY: NamesOf = { all: false, names: [], except: [] }
export const EVERYBODY: NamesOf = { all: true, names: [], except: [] }

export function includes(set: NamesOf, names: readonly string[]): boolean {
  if (names.some((name) => set.except.includes(name))) return false
  return set.all || names.some((name) => set.names.includes(name))
}

/** `ALL EXCEPT a`, `a, b`, `NONE`. */
export function namesText(set: NamesOf, quote: (name: string) => string): string {
  const list = set.all ? 'ALL' : set.names.map(quote).join(', ') || 'NONE'
  return set.except.length === 0 ? list : `${list} EXCEPT ${set.except.map(quote).join(', ')}`
}
