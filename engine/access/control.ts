import { createHmac, randomBytes } from 'node:crypto'
import { StoredMap } from '../catalog/stored_map.js'
import type { Chdb } from '../contracts.js'
import type { EngineEdition } from '../edition.js'
import { EngineError } from '../errors.js'
import { matches } from './passwords.js'
import { includes, type Role, type RowPolicy, type User } from './principals.js'
import { leavesOf, reaches } from './privileges.js'
import { allows, type Rights, type Scope } from './rights.js'

/** Proton's built-in users: they may do everything and cannot be changed. */
const BUILT_IN: Readonly<Record<string, string>> = { default: '', proton: 'proton@t+' }

/** In 1.6 the user `default` comes with the database of this name, and manages no access; `proton` may do everything. */
const RIGHTS_OF_DEFAULT_16: Rights = leavesOf('ALL')
  .filter((privilege) => !leavesOf('ACCESS MANAGEMENT').includes(privilege))
  .map((privilege) => ({
    privilege,
    ...(reaches(privilege, 'database') ? { database: 'default' } : {}),
    granted: true,
    option: true,
  }))

/** What somebody may do at the moment. */
export interface Access {
  user: string
  /** Everything. */
  full: boolean
  /** Of the user, and of each role in force. */
  rights: Rights[]
  roles: ReadonlySet<string>
}

/** Users, roles and row policies: kept in the store, asked for by every statement. */
export class AccessControl {
  /** Passwords that were right before, as keyed digests: deriving a key takes its time. */
  readonly #proven = new Map<string, string>()
  readonly #key = randomBytes(32)

  private constructor(
    readonly users: StoredMap<User>,
    readonly roles: StoredMap<Role>,
    readonly policies: StoredMap<RowPolicy>,
    readonly edition: EngineEdition,
  ) {}

  static async open(chdb: Chdb, edition: EngineEdition = 'embedded'): Promise<AccessControl> {
    return new AccessControl(
      await StoredMap.open(chdb, 'user'),
      await StoredMap.open(chdb, 'role'),
      await StoredMap.open(chdb, 'row_policy'),
      edition,
    )
  }

  isBuiltIn(name: string): boolean {
    return Object.hasOwn(BUILT_IN, name)
  }

  builtIn(): string[] {
    return Object.keys(BUILT_IN)
  }

  /** Throws AUTHENTICATION_FAILED (516). */
  async authenticate(name: string, password: string): Promise<void> {
    const known = this.isBuiltIn(name)
      ? this.#digest(BUILT_IN[name]!) === this.#digest(password)
      : await this.#proves(name, password)
    if (known) return
    throw new EngineError(
      'AUTHENTICATION_FAILED',
      `${name}: Authentication failed: password is incorrect or there is no user with such name`,
    )
  }

  async #proves(name: string, password: string): Promise<boolean> {
    const user = this.users.get(name)
    if (!user) return false
    const digest = this.#digest(`${user.credential.salt}${user.credential.hash}\0${password}`)
    if (this.#proven.get(name) === digest) return true
    if (!(await matches(password, user.credential))) return false
    this.#proven.set(name, digest)
    return true
  }

  #digest(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('hex')
  }

  /** `enabled`: roles of `SET ROLE`; default: the user's default roles. The engine itself has no name. */
  accessOf(name: string, enabled?: readonly string[]): Access {
    if (name === 'default' && this.edition === 'oss-1.6') {
      return { user: name, full: false, rights: [RIGHTS_OF_DEFAULT_16], roles: new Set() }
    }
    if (name === '' || this.isBuiltIn(name)) return { user: name, full: true, rights: [], roles: new Set() }
    const user = this.users.get(name)
    if (!user) return { user: name, full: false, rights: [], roles: new Set() }
    const granted = user.roles.map(({ role }) => role)
    const roles = this.#closure(
      granted.filter((role) => (enabled ? enabled.includes(role) : includes(user.defaultRoles, [role]))),
    )
    const rights = [user.rights, ...[...roles].map((role) => this.roles.get(role)!.rights)]
    return { user: name, full: false, rights, roles }
  }

  /** The roles, and the roles that these were granted. */
  #closure(names: readonly string[]): Set<string> {
    const found = new Set<string>()
    const visit = (name: string) => {
      const role = this.roles.get(name)
      if (!role || found.has(name)) return
      found.add(name)
      for (const inner of role.roles) visit(inner.role)
    }
    names.forEach(visit)
    return found
  }

  /** Policies on a stream or view, and those of them that are about this user. */
  policiesOn(access: Access, scope: Required<Pick<Scope, 'database' | 'table'>>) {
    const on = this.policies
      .list()
      .map(([, policy]) => policy)
      .filter(
        (policy) =>
          policy.database === scope.database && (policy.table === scope.table || policy.table === '*'),
      )
    const who = [access.user, ...access.roles]
    return { on, mine: on.filter((policy) => includes(policy.to, who)) }
  }
}

export function may(access: Access, privilege: string, scope: Scope = {}, option = false): boolean {
  return access.full || access.rights.some((rights) => allows(rights, privilege, scope, option))
}

/** Throws ACCESS_DENIED (497). */
export function demand(access: Access, privilege: string, scope: Scope = {}, columns?: string[]): void {
  if (access.full) return
  const missing = columns?.filter((column) => !may(access, privilege, { ...scope, column }))
  if (missing ? missing.length === 0 : may(access, privilege, scope)) return
  throw denied(access, grantText(privilege, scope, columns))
}

export function denied(access: Access, needed: string): EngineError {
  return new EngineError(
    'ACCESS_DENIED',
    `${access.user}: Not enough privileges. To execute this query it's necessary to have grant ${needed}`,
  )
}

/** `SELECT(a, b) ON db.t`. */
export function grantText(privilege: string, scope: Scope, columns?: string[]): string {
  const list = columns && columns.length > 0 ? `(${columns.join(', ')})` : ''
  return `${privilege}${list} ON ${scope.database ?? '*'}.${scope.table ?? '*'}`
}
