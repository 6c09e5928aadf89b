import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { EngineError } from '../errors.js'

/** How a user proves who they are. A password is never kept, only what it can be compared with. */
export interface Credential {
  /** As written: what SHOW CREATE USER shows. */
  method: string
  scheme: 'none' | 'scrypt' | 'sha256' | 'double_sha1'
  salt: string
  /** Hexadecimal. */
  hash: string
}

export const NO_PASSWORD: Credential = { method: 'no_password', scheme: 'none', salt: '', hash: '' }

const derive = promisify(scrypt) as (password: string, salt: string, length: number) => Promise<Buffer>

const WITH_PASSWORD = new Set(['plaintext_password', 'sha256_password', 'double_sha1_password'])
/** Hexadecimal digits of hashes that are given as such. */
const HASHES: Record<string, { scheme: Credential['scheme']; digits: number }> = {
  sha256_hash: { scheme: 'sha256', digits: 64 },
  double_sha1_hash: { scheme: 'double_sha1', digits: 40 },
}

/** Throws 36 for methods that are not known. */
export async function credential(auth: {
  method: string
  secret?: string
  salt?: string
}): Promise<Credential> {
  const { method, secret = '' } = auth
  if (method === 'no_password') return NO_PASSWORD
  if (WITH_PASSWORD.has(method)) {
    const salt = randomBytes(16).toString('hex')
    return { method, scheme: 'scrypt', salt, hash: (await derive(secret, salt, 32)).toString('hex') }
  }
  const given = HASHES[method]
  if (!given) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `Unknown authentication method '${method}': one of no_password, ${[...WITH_PASSWORD, ...Object.keys(HASHES)].join(', ')} is expected`,
    )
  }
  const hash = secret.toLowerCase()
  if (!new RegExp(`^[0-9a-f]{${given.digits}}$`).test(hash)) {
    throw new EngineError('BAD_ARGUMENTS', `A hash of ${given.digits} hexadecimal digits is expected`)
  }
  return { method: method.replace('_hash', '_password'), scheme: given.scheme, salt: auth.salt ?? '', hash }
}

export async function matches(password: string, { scheme, salt, hash }: Credential): Promise<boolean> {
  if (scheme === 'none') return true
  const expected = Buffer.from(hash, 'hex')
  const given = await hashed(password, scheme, salt)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

async function hashed(password: string, scheme: Credential['scheme'], salt: string): Promise<Buffer> {
  if (scheme === 'scrypt') return derive(password, salt, 32)
  if (scheme === 'sha256')
    return createHash('sha256')
      .update(password + salt)
      .digest()
  const once = createHash('sha1').update(password).digest()
  return createHash('sha1').update(once).digest()
}
