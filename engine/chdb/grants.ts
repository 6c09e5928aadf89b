/**
 * The second wall around the store. The first is that only SQL printed from our own tree reaches it; should
 * something slip through, its user may read and write tables, and neither files nor hosts nor commands.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { STORE_DATABASE } from '../storage/tables.js'

/** Engines of the tables that we make. */
const ENGINES = [
  'MergeTree',
  'ReplacingMergeTree',
  'SummingMergeTree',
  'AggregatingMergeTree',
  'EmbeddedRocksDB',
  'Memory',
]

const GRANTS = [
  'GRANT ALL ON *.*',
  'REVOKE SOURCES ON *.*',
  'REVOKE CREATE DICTIONARY, CREATE FUNCTION, DROP FUNCTION, dictGet, INTROSPECTION, ACCESS MANAGEMENT, BACKUP ON *.*',
  // Dictionaries over streams, which lie beside our tables.
  `GRANT CREATE DICTIONARY, dictGet ON ${STORE_DATABASE}.*`,
  'REVOKE NAMED COLLECTION ADMIN ON *',
  'REVOKE TABLE ENGINE ON *',
  ...ENGINES.map((engine) => `GRANT TABLE ENGINE ON ${engine}`),
]

/** Writes the file of users into `dir`; what the store's configuration has to say about it. */
export function writeGrants(dir: string): string {
  const file = join(dir, 'users.xml')
  const grants = GRANTS.map((grant) => `<query>${grant}</query>`).join('')
  writeFileSync(
    file,
    `<clickhouse>
  <profiles><default></default></profiles>
  <quotas><default></default></quotas>
  <users>
    <default>
      <password></password>
      <networks><ip>::1</ip><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>${grants}</grants>
    </default>
  </users>
</clickhouse>
`,
    { mode: 0o600 },
  )
  return (
    `  <users_config>${file}</users_config>\n` +
    '  <access_control_improvements><table_engines_require_grant>true</table_engines_require_grant></access_control_improvements>\n'
  )
}
