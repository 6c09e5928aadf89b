import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Target } from '../../../bootstrap/target.js'
import { checkAccount, ensureUser } from '../../../cli/install/user.js'

/** A server with Proton's built-in account; users are made by its SQL. */
let server: Server
let users: Map<string, string>
let statements: string[]
let target: Target

beforeEach(async () => {
  users = new Map([['proton', 'proton@t+']])
  statements = []
  server = createServer((request, response) => {
    const login = Buffer.from(
      (request.headers.authorization ?? '').replace('Basic ', ''),
      'base64',
    ).toString()
    const user = String(request.headers['x-timeplus-user'] ?? login.split(':')[0])
    const password = String(request.headers['x-timeplus-key'] ?? login.slice(user.length + 1))
    let body = ''
    request.on('data', (chunk) => {
      body += String(chunk)
    })
    request.on('end', () => {
      expect(request.url).not.toContain('s3cret')
      if (users.get(user) !== password) {
        response.writeHead(403, { 'x-timeplus-exception-code': '516' })
        response.end('Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)')
        return
      }
      const made = /^CREATE USER IF NOT EXISTS `(\w+)` IDENTIFIED WITH sha256_password BY '(.*)'$/.exec(body)
      if (made) users.set(made[1]!, users.get(made[1]!) ?? made[2]!.replaceAll(/\\(.)/g, '$1'))
      if (!/^SELECT/.test(body)) statements.push(body.replace(/BY '.*'/, "BY '…'"))
      response.end(/^SELECT/.test(body) ? '["1"]\n["uint8"]\n[1]\n' : '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  target = {
    ...{ name: 'server', edition: 'oss-1.6', url, streamUrl: url, database: 'default', brokersNamed: false },
    ...{ username: 'deployer', password: "it's a s3cret \\ one", brokers: '', engineBrokers: '' },
    ...{ gatewayUrl: '', variables: {}, logins: {} },
  }
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

describe('the user of a target', () => {
  it('is made once, with the built-in account', async () => {
    expect(await ensureUser(target, 'oss-1.6')).toBe('made')
    expect(users.get('deployer')).toBe("it's a s3cret \\ one")
    expect(statements).toEqual([
      "CREATE USER IF NOT EXISTS `deployer` IDENTIFIED WITH sha256_password BY '…'",
      'GRANT ALL ON *.* TO `deployer` WITH GRANT OPTION',
    ])
    expect(await ensureUser(target, 'oss-1.6')).toBe('present')
    expect(statements).toHaveLength(2)
  })

  it('with another password is said, and not changed', async () => {
    users.set('deployer', 'older')
    await expect(ensureUser(target, 'oss-1.6')).rejects.toMatchObject({
      code: 'INSTALL_USER',
      message: expect.stringContaining('another password'),
    })
    expect(users.get('deployer')).toBe('older')
  })

  it('cannot be made where the built-in account is closed', async () => {
    users.set('proton', 'changed')
    await expect(ensureUser(target, 'oss-1.6')).rejects.toMatchObject({ code: 'INSTALL_USER' })
  })

  it('needs a password and a name that is one', () => {
    expect(() => checkAccount({ ...target, password: undefined }, 'MY_PASSWORD')).toThrow(
      expect.objectContaining({
        code: 'PASSWORD_MISSING',
        suggestion: expect.stringContaining('MY_PASSWORD'),
      }),
    )
    expect(() => checkAccount({ ...target, username: 'a`; DROP' }, 'X')).toThrow(/cannot be the name/)
    expect(() => checkAccount({ ...target, username: undefined, password: undefined }, 'X')).not.toThrow()
  })
})
