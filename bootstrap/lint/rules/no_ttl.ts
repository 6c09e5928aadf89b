import { settingText } from '../relations.js'
import type { Rule } from '../rule.js'

export const noTtl: Rule = {
  code: 'NO_TTL',
  severity: 'warning',
  title: 'a stream that keeps its rows for ever',
  why: 'Timeplus refuses reads and writes once the disk is more than 90 % full. A stream without TTL fills it, sooner or later, and takes everything else along.',
  fix: 'Add TTL to_datetime(_tp_time) + INTERVAL n DAY, or ttl_seconds to a mutable stream.',
  failing: { sql: 'CREATE STREAM readings (device string, value float64);' },
  passing: {
    sql: `CREATE STREAM readings (device string, value float64) TTL to_datetime(_tp_time) + INTERVAL 7 DAY;
CREATE MUTABLE STREAM devices (device string, name string) PRIMARY KEY device SETTINGS ttl_seconds = 31536000;`,
  },
  *check({ objects }) {
    for (const object of objects) {
      const { statement } = object
      if (statement.kind !== 'create_stream') continue
      const memory = settingText(statement.settings, 'storage_type') === 'streaming'
      if (statement.ttl?.length || memory || settingText(statement.settings, 'ttl_seconds') !== undefined)
        continue
      yield {
        object,
        message: `${object.name} keeps its rows until the disk is full.`,
        fix: statement.mutable
          ? 'Add SETTINGS ttl_seconds = n.'
          : 'Add TTL to_datetime(_tp_time) + INTERVAL n DAY.',
      }
    }
  },
}
