/** Values that stand where SQL has secrets: keys of remote functions, passwords of users and of external streams. */
const SECRET_VALUE =
  /\b((?:auth_key|password|identified(?:\s+with\s+\w+)?\s+by)\s+|(?:\w*password|\w*credentials|secret_access_key)\s*=\s*)'(?:[^'\\]|\\.|'')*'/gi

/** SQL as it may be shown to others than its author: in `system.processes`, in SHOW CREATE, in a log. */
export function hideSecrets(sql: string): string {
  return sql.replace(SECRET_VALUE, "$1'[HIDDEN]'")
}

const SECRET_NAME = /password|credentials|secret|token|sasl_jaas|ssl_key|private_key|auth_key|access_key/i

/** Whether a setting of this name holds a secret. */
export function isSecret(name: string): boolean {
  return SECRET_NAME.test(name)
}
