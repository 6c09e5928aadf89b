import type { Expr } from './expressions.js'
import type { QualifiedName } from './names.js'

/** `ALL EXCEPT a`, `a, b`, `NONE` (nothing at all). */
export interface NamesOf {
  all: boolean
  names: string[]
  except: string[]
}

export interface GrantElement {
  /** Upper-case, one blank between words: `CREATE VIEW`. */
  privileges: { name: string; columns?: string[] }[]
  /** Absent: the current one. `*`: all, then `name` is `*` too. */
  database?: string
  name: string
}

interface Creation {
  alter: boolean
  orReplace: boolean
  ifNotExists: boolean
  ifExists: boolean
}

/** What an access statement does. */
export type AccessCommand =
  | (Creation & {
      kind: 'user'
      names: string[]
      rename?: string
      /** `secret`: the password, or with `…_hash` its hash. */
      auth?: { method: string; secret?: string; salt?: string }
      hosts: string[]
      defaultRoles?: NamesOf
      /** `''`: none. */
      defaultDatabase?: string
      /** Clauses that are read and mean something, but nothing that is kept here. */
      refused: string[]
    })
  | (Creation & { kind: 'role'; names: string[]; rename?: string })
  | (Creation & {
      kind: 'row_policy'
      policies: { name: string; on: QualifiedName }[]
      rename?: string
      /** `null`: `USING NONE`. */
      using?: Expr | null
      restrictive?: boolean
      to?: NamesOf
    })
  | {
      kind: 'grant'
      revoke: boolean
      /** `REVOKE GRANT OPTION FOR …`. */
      optionFor?: 'grant' | 'admin'
      elements: GrantElement[]
      roles: string[]
      to: NamesOf
      grantOption: boolean
      adminOption: boolean
      replace: boolean
    }
  /** Without `roles`: `SET ROLE DEFAULT`. */
  | { kind: 'set_role'; roles?: NamesOf }
  | { kind: 'set_default_role'; roles: NamesOf; to: NamesOf }
  /** Quotas and settings profiles. */
  | { kind: 'other'; object: string; names: string[]; text: string }
