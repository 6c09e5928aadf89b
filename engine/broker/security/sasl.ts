import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'

export const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
export type Mechanism = (typeof MECHANISMS)[number]

/** Passwords by user. */
export type Users = Readonly<Record<string, string>>

/** One login: tokens go back and forth until it is done. Throws SaslFailure. */
export interface Exchange {
  next(token: Buffer): { answer: Buffer; user?: string }
}

/** The client is not who it says, or does not speak the mechanism. The message goes to the client. */
export class SaslFailure extends Error {
  override name = 'SaslFailure'
}

export function exchangeOf(mechanism: Mechanism, users: Users): Exchange {
  return mechanism === 'PLAIN'
    ? plain(users)
    : scram(users, mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512')
}

/** As Kafka words it: nobody learns which of both was wrong. */
const refused = (mechanism: string) =>
  new SaslFailure(`Authentication failed: invalid credentials with SASL mechanism ${mechanism}`)

/** RFC 4616: who one acts for, who one is, the password; with a NUL between them. */
function plain(users: Users): Exchange {
  return {
    next(token) {
      const [actFor, user = '', password = '', ...more] = token.toString('utf8').split('\0')
      if (more.length > 0) throw new SaslFailure('A PLAIN token has three parts')
      const expected = Object.hasOwn(users, user) ? users[user]! : undefined
      if (expected === undefined || !same(digest('sha256', password), digest('sha256', expected)))
        throw refused('PLAIN')
      if (actFor !== '' && actFor !== user) throw new SaslFailure('Nobody may act for others here')
      return { answer: Buffer.alloc(0), user }
    },
  }
}

type Hash = 'sha256' | 'sha512'

/** Kafka's least. */
const ITERATIONS = 4096

/** RFC 5802, without channel binding: neither side tells the password, and both prove that they know it. */
function scram(users: Users, hash: Hash): Exchange {
  const mechanism = hash === 'sha256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512'
  let begun: { user: string; own: string; salt: Buffer; bare: string; first: string } | undefined
  const begin = (text: string): Buffer => {
    const [, bare = ''] = /^n,(?:a=[^,]*)?,(.*)$/s.exec(text) ?? []
    const parts = attributesOf(bare)
    const { n: name, r: theirs } = parts
    if (name === undefined || !theirs) throw new SaslFailure(`No ${mechanism} token`)
    const user = name.replaceAll('=2C', ',').replaceAll('=3D', '=')
    const own = randomBytes(18).toString('base64url')
    const salt = randomBytes(16)
    const first = `r=${theirs}${own},s=${salt.toString('base64')},i=${ITERATIONS}`
    begun = { user, own, salt, bare, first }
    return Buffer.from(first)
  }
  const finish = (text: string): { answer: Buffer; user: string } => {
    const { user, own, salt, bare, first } = begun!
    const [, unproved = '', proof = ''] = /^(.*),p=(.*)$/s.exec(text) ?? []
    const { c: binding, r: echoed } = attributesOf(unproved)
    // librdkafka 2.0, for one, sends its own part twice; Kafka for long looked at the end only, too.
    if (!binding || !['biws', 'eSws'].includes(binding) || !echoed?.endsWith(own))
      throw new SaslFailure(`No ${mechanism} token`)
    // Somebody unknown is refused as late as a wrong password is.
    const known = Object.hasOwn(users, user)
    const password = (known ? users[user]! : randomBytes(16).toString('hex')).normalize('NFKC')
    const size = hash === 'sha256' ? 32 : 64
    const salted = pbkdf2Sync(password, salt, ITERATIONS, size, hash)
    const said = `${bare},${first},${unproved}`
    const clientKey = hmac(hash, salted, 'Client Key')
    const signature = hmac(hash, digest(hash, clientKey), said)
    const expected = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]!))
    if (!same(Buffer.from(proof, 'base64'), expected) || !known) throw refused(mechanism)
    const verifier = hmac(hash, hmac(hash, salted, 'Server Key'), said)
    return { answer: Buffer.from(`v=${verifier.toString('base64')}`), user }
  }
  return {
    next(token) {
      const text = token.toString('utf8')
      return begun ? finish(text) : { answer: begin(text) }
    },
  }
}

/** `n=user,r=nonce` by letter. */
function attributesOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map((part) => [part[0] ?? '', part.slice(2)]))
}

const digest = (hash: Hash, data: string | Buffer): Buffer => createHash(hash).update(data).digest()
const hmac = (hash: Hash, key: Buffer, data: string): Buffer => createHmac(hash, key).update(data).digest()
const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b)
