import type { Rule } from '../rule.js'
import { asofOnTime } from './asof_on_time.js'
import { columnDropped } from './column_dropped.js'
import { joinUnsupported } from './join_unsupported.js'
import { noTtl } from './no_ttl.js'
import { reservedName } from './reserved_name.js'
import { retentionExceedsDisk } from './retention_exceeds_disk.js'
import { secretInSql } from './secret_in_sql.js'
import { selectStarInto } from './select_star_into.js'
import { udfBeforeFilter } from './udf_before_filter.js'
import { udfDoesIo } from './udf_does_io.js'
import { unboundedJoin } from './unbounded_join.js'
import { viewWithoutInto } from './view_without_into.js'

/** A rule is a file; this is their order in the documentation. */
export const RULES: readonly Rule[] = [
  joinUnsupported,
  asofOnTime,
  unboundedJoin,
  viewWithoutInto,
  noTtl,
  retentionExceedsDisk,
  selectStarInto,
  columnDropped,
  udfDoesIo,
  udfBeforeFilter,
  reservedName,
  secretInSql,
]
