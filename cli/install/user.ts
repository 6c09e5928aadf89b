import { connect, type Target } from '../../bootstrap/target.js'
import { UserError } from '../../dialect/user_error.js'
import { ProtonError } from '../../driver/index.js'
import type { InstallableEdition } from './releases.js'

/** The account with access management that a fresh server comes with, as its vendor documents it. */
const BUILT_IN: Record<InstallableEdition, { username: string; password: string }> = {
  'oss-1.6': { username: 'proton', password: 'proton@t+' },
  'oss-3': { username: 'proton', password: 'proton@t+' },
  enterprise: { username: 'proton', password: 'timeplus@t+' },
}

const AUTHENTICATION = new Set([192, 193, 194, 516])
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/

/**
 * What the target must say before a server is installed for it, so that nothing fails halfway.
 * @throws UserError PASSWORD_MISSING, USERNAME_INVALID
 */
export function checkAccount(target: Target, passwordVariable: string): void {
  if (target.username === undefined || target.username === 'default') return
  if (!NAME.test(target.username)) {
    throw new UserError('USERNAME_INVALID', `'${target.username}' cannot be the name of a user.`, {
      suggestion: 'Letters, digits, _, - and . make a name.',
    })
  }
  if (!target.password) {
    throw new UserError('PASSWORD_MISSING', `User ${target.username} of ${target.name} has no password.`, {
      suggestion: `Put one into the environment variable ${passwordVariable}.`,
    })
  }
}

/**
 * Makes the target's user with the built-in account, unless it can log in already. The password goes in the body of a
 * request, as its SHA-256: never in an argument list.
 * @throws UserError INSTALL_USER
 */
export async function ensureUser(target: Target, edition: InstallableEdition): Promise<'made' | 'present'> {
  const { username, password } = target
  if (username === undefined || password === undefined || (await canLogIn(target))) return 'present'
  const admin = connect({ ...target, ...BUILT_IN[edition] })
  try {
    const literal = password.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
    await admin.exec(
      `CREATE USER IF NOT EXISTS \`${username}\` IDENTIFIED WITH sha256_password BY '${literal}'`,
    )
    await admin.exec(`GRANT ALL ON *.* TO \`${username}\` WITH GRANT OPTION`)
  } catch (cause) {
    if (!(cause instanceof ProtonError)) throw cause
    throw new UserError('INSTALL_USER', `User ${username} could not be made.`, {
      detail: `The server refused it with code ${cause.code}.`,
      suggestion:
        'If its built-in account was changed, make the user by hand; then the same command goes on with it.',
    })
  } finally {
    await admin.close()
  }
  if (await canLogIn(target)) return 'made'
  throw new UserError('INSTALL_USER', `User ${username} exists with another password.`, {
    suggestion: 'Give its password, or another user name.',
  })
}

async function canLogIn(target: Target): Promise<boolean> {
  const client = connect(target)
  try {
    await client.rows('SELECT 1')
    return true
  } catch (error) {
    if (error instanceof ProtonError && AUTHENTICATION.has(Number(error.code))) return false
    throw error
  } finally {
    await client.close()
  }
}
