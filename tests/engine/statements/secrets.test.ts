import { expect, it } from 'vitest'
import { hideSecrets } from '../../../engine/statements/secrets.js'

it.each([
  [
    "CREATE REMOTE FUNCTION f(a string) RETURNS string URL 'http://x' AUTH_METHOD 'auth_header' AUTH_HEADER 'h' AUTH_KEY 'top\\'secret' EXECUTION_TIMEOUT 5",
  ],
  ["create user u identified with plaintext_password by 'secret'"],
  ["CREATE USER u IDENTIFIED BY 'secret'"],
  [
    "create external stream k (raw string) settings type='kafka', username='u', password = 'secret', topic='t'",
  ],
  ["... kafka_schema_registry_credentials='user:secret'"],
])('hides the secret of %s', (sql) => {
  const shown = hideSecrets(sql)
  expect(shown).not.toContain("secret'")
  expect(shown).toContain("'[HIDDEN]'")
})

it('leaves other strings alone', () => {
  const sql = "SELECT 'auth_key' AS a, password FROM t WHERE name = 'x'"
  expect(hideSecrets(sql)).toBe(sql)
})
