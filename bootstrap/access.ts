import {
  type AccessCommand,
  type AccessStatement,
  type GrantElement,
  parseAccessCommand,
  parseStatement,
  parseStatements,
  printAccess,
  quoteName,
  type Statement,
} from '../dialect/index.js'
import { type ObjectKey, objectKey } from './kinds.js'

type Grant = Extract<AccessCommand, { kind: 'grant' }>

/** What an access statement means; undefined where it says something that the parser keeps as text only. */
export function commandOf(statement: AccessStatement): AccessCommand | undefined {
  try {
    return parseAccessCommand(statement)
  } catch {
    return undefined
  }
}

/** Without IF NOT EXISTS and OR REPLACE, which every edition puts in another place. */
export function plainAccess(statement: AccessStatement): AccessStatement {
  const text = statement.text.replace(
    /^CREATE (?:OR REPLACE )?(USER|ROLE|ROW POLICY) (?:IF NOT EXISTS |OR REPLACE )?/,
    'CREATE $1 ',
  )
  return text === statement.text ? statement : (parseStatement(text) as AccessStatement)
}

/** The name of a user or role, or `policy ON stream`; undefined where a statement makes several at once. */
export function accessName(statement: AccessStatement): string | undefined {
  const command = commandOf(statement)
  if (command?.kind === 'row_policy') {
    const [policy, ...more] = command.policies
    if (!policy || more.length > 0) return undefined
    const { database, name } = policy.on
    const on = database === undefined ? quoteName(name) : `${quoteName(database)}.${quoteName(name)}`
    return `${quoteName(policy.name)} ON ${on}`
  }
  return statement.names.length === 1 ? statement.names[0] : undefined
}

/** Roles and users that a statement names: whichever of them the project makes. */
export function namedPrincipals(statement: AccessStatement): ObjectKey[] {
  const command = commandOf(statement)
  const names: string[] = []
  if (isGrant(statement))
    for (const grant of commandsIn(statement.text)) names.push(...grant.roles, ...grant.to.names)
  if (command?.kind === 'user' && command.defaultRoles) names.push(...command.defaultRoles.names)
  if (command?.kind === 'row_policy' && command.to) names.push(...command.to.names, ...command.to.except)
  return names.flatMap((name) => [objectKey('role', name), objectKey('user', name)])
}

/** The statements that bring an existing user, role or row policy to what is wanted; every clause is said. */
export function alteringAccess(statement: AccessStatement): string[] {
  const command = commandOf(statement)
  const text = statement.text.replace(/^CREATE /, 'ALTER ')
  if (!command) return [text]
  switch (command.kind) {
    case 'user':
      return [
        printAccess({
          ...command,
          alter: true,
          auth: command.auth ?? { method: 'no_password' },
          hosts: command.hosts.length > 0 ? command.hosts : ['ANY'],
          defaultRoles: command.defaultRoles ?? { all: true, names: [], except: [] },
        }),
      ]
    case 'row_policy':
      return [
        printAccess({
          ...command,
          alter: true,
          using: command.using ?? null,
          restrictive: command.restrictive ?? false,
          to: command.to ?? { all: false, names: [], except: [] },
        }),
      ]
    case 'role':
      return []
    default:
      return [text]
  }
}

/** GRANT and REVOKE statements, sorted by whom they are about: rights are kept per user or role. */
export function grantsByName(statement: AccessStatement): Map<string, AccessStatement> | undefined {
  const command = commandOf(statement)
  if (command?.kind !== 'grant' || command.to.all || command.to.except.length > 0) return undefined
  return new Map(
    command.to.names.map((name) => {
      const to = { all: false, names: [name], except: [] }
      return [name, parseStatement(printAccess({ ...command, to })) as AccessStatement]
    }),
  )
}

/** The one object that all rights of a user or role are. */
export function grantObject(name: string, statements: readonly AccessStatement[]): AccessStatement {
  return {
    kind: 'access',
    action: 'grant',
    names: [name],
    on: statements.flatMap(({ on }) => on ?? []),
    text: statements.map(({ text }) => text).join(';\n'),
  }
}

/** The same of a text with one or more GRANT and REVOKE statements. */
export function grantsIn(script: string): AccessStatement {
  const statements = parseStatements(script).map(({ statement }) => statement)
  const grants = statements.filter(isGrant)
  return grantObject(grants[0]?.names[0] ?? '', grants)
}

function commandsIn(script: string): Grant[] {
  return parseStatements(script).flatMap(({ statement }) => {
    const command = statement.kind === 'access' ? commandOf(statement) : undefined
    return command?.kind === 'grant' ? [command] : []
  })
}

/** Single rights by what they are, whether or not they may be handed on. */
function piecesOf(script: string, own: string): Map<string, Grant> {
  const pieces = new Map<string, Grant>()
  for (const grant of commandsIn(script)) {
    const parts: Partial<Grant>[] = [
      ...grant.roles.map((role) => ({ roles: [role], elements: [] })),
      ...grant.elements.flatMap(({ privileges, database, name }) =>
        privileges.map((privilege): Partial<Grant> => {
          const scope = database === own && name !== '*' ? { name } : { database, name }
          return { roles: [], elements: [{ privileges: [privilege], ...scope }] }
        }),
      ),
    ]
    for (const part of parts) {
      const piece = { ...grant, ...part }
      pieces.set(printAccess({ ...piece, grantOption: false, adminOption: false }), piece)
    }
  }
  return pieces
}

/** The statements that grant all of a script. */
export function granting(script: string): string[] {
  return commandsIn(script).map(printAccess)
}

/**
 * From what was granted to what is wanted: what is new is granted before what is gone is taken away, so that nobody
 * is without a right in between. Where a script takes away itself, order matters, and all is said anew.
 */
export function changingGrants(before: string, after: string, database: string): string[] {
  const both = [...commandsIn(before), ...commandsIn(after)]
  if (both.some(({ revoke }) => revoke)) return [...revokingAll(before), ...granting(after)]
  const old = piecesOf(before, database)
  const now = piecesOf(after, database)
  const mayPass = (grant: Grant) => grant.grantOption || grant.adminOption
  const given = [...now].filter(([right, grant]) => {
    const had = old.get(right)
    return !had || (mayPass(grant) && !mayPass(had))
  })
  const taken = [...old].flatMap(([right, grant]) => {
    const has = now.get(right)
    if (has && (mayPass(has) || !mayPass(grant))) return []
    const optionFor = has ? (grant.grantOption ? 'grant' : 'admin') : undefined
    const revoke: Grant = { ...grant, revoke: true, grantOption: false, adminOption: false }
    return [printAccess(optionFor ? { ...revoke, optionFor } : revoke)]
  })
  return [...given.map(([, grant]) => printAccess(grant)), ...taken]
}

/** Takes away everything that a script, or an engine's SHOW GRANTS, says of a user or role. */
export function revokingAll(script: string): string[] {
  const [first, ...rest] = commandsIn(script)
  if (!first) return []
  const roles = [...new Set([first, ...rest].flatMap((grant) => (grant.revoke ? [] : grant.roles)))]
  const all: GrantElement = { privileges: [{ name: 'ALL' }], database: '*', name: '*' }
  const revoke: Grant = { ...first, revoke: true, grantOption: false, adminOption: false, replace: false }
  return [
    printAccess({ ...revoke, roles: [], elements: [all] }),
    ...(roles.length > 0 ? [printAccess({ ...revoke, elements: [], roles })] : []),
  ]
}

export function isGrant(statement: Statement): statement is AccessStatement {
  return statement.kind === 'access' && (statement.action === 'grant' || statement.action === 'revoke')
}
