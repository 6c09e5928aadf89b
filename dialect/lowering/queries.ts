import type { Emit, Expr, Join, Query, Select, Statement } from '../ast.js'
import { rewrite, visit } from '../walk.js'
import type { Lowering } from './support.js'

/** Rewrites what the 1.6 parser does not read, and refuses what has no form there. */
export function lowerQueries16<T extends Statement>(statement: T, low: Lowering): T {
  refuse16(statement, low)
  return rewrite(statement, { expr: (e) => expr16(e), query: (q) => query16(q, low) })
}

function refuse16(statement: Statement, low: Lowering): void {
  visit(statement, {
    expr: (e) => {
      if (e.kind === 'json_path' && e.path.some((step) => !('key' in step))) {
        low.refuse('array steps in JSON paths (col:a[*])', 'use json_extract_array_raw or json_value')
      }
      if (e.kind === 'column' && e.path.at(-1) === '_tp_message_headers') {
        low.refuse('_tp_message_headers', 'put the value into the message, 1.6.11 brings the column')
      }
      if (e.kind === 'call') {
        const instead = NEWER_FUNCTIONS[e.name.toLowerCase()]
        if (instead !== undefined) low.refuse(`function ${e.name}()`, instead)
      }
      if (e.kind === 'parameter' && statement.kind === 'create_view') {
        low.refuse('views with parameters', 'write the value, or filter where the view is read')
      }
      return undefined
    },
    table: (t) => {
      if (t.kind === 'table' && t.args) {
        low.refuse('views with parameters', 'write the value, or filter where the view is read')
      }
      if (t.kind === 'table_function' && NEWER_TABLE_FUNCTIONS[t.name.toLowerCase()] !== undefined)
        low.refuse(`table function ${t.name}()`, NEWER_TABLE_FUNCTIONS[t.name.toLowerCase()]!)
      if (t.kind === 'join' && statement.kind === 'create_materialized_view') refuseJoin16(t, low)
      return undefined
    },
    query: (q) => {
      if (q.kind === 'select' && q.groupByModifier === 'all') low.refuse('GROUP BY ALL', 'name the columns')
      return undefined
    },
  })
}

/** Functions that came after 1.6.1, and what comes nearest. */
const NEWER_FUNCTIONS: Record<string, string> = {
  avg_time_weighted: 'weigh in the query: sum(x * duration) / sum(duration)',
  median_time_weighted: 'use quantile_exact_weighted',
  generate_ulid: 'use uuid()',
  generate_uuidv7: 'use uuid()',
  group_array_last: 'use group_array and array_slice',
  group_array_sorted: 'use array_sort(group_array(x))',
  group_concat: "use array_string_concat(group_array(x), ',')",
  json_array_length: 'use length(json_extract_array_raw(x))',
  json_cast: 'cast with ::json',
  json_encode: 'use to_json_string',
  json_merge_patch: 'build the object from its parts',
  largest_triangle_three_buckets: 'take samples with quantiles or a JavaScript aggregate',
  lttb: 'take samples with quantiles or a JavaScript aggregate',
  map_from_arrays: 'build it in a JavaScript function, or keep two arrays',
}
const NEWER_TABLE_FUNCTIONS: Record<string, string> = {
  rowify: 'leave it out: rows come in blocks',
  kafka: 'create an external stream',
}

/** Materialized views are streaming, so their joins are; joins of `table()`s only are refused by the engine itself. */
function refuseJoin16(join: Join, low: Lowering): void {
  if (join.join === 'full' || join.join === 'right' || join.join === 'cross')
    low.refuse(`streaming ${join.join.toUpperCase()} JOIN`, 'use LEFT or INNER JOIN, and UNION for the rest')
  if (join.strictness === 'anti' || join.strictness === 'semi')
    low.refuse(
      `streaming ${join.strictness.toUpperCase()} JOIN`,
      'use LEFT JOIN and look whether the right side is the default',
    )
}

function expr16(e: Expr): Expr {
  switch (e.kind) {
    case 'column':
      return e.path.at(-1) === '_tp_message_key'
        ? { ...e, path: [...e.path.slice(0, -1), '_message_key'] }
        : e
    case 'tuple_element':
      if (/^\d+$/.test(e.element)) return e
      return {
        kind: 'call',
        name: 'tuple_element',
        args: [e.expr, { kind: 'literal', type: 'string', value: e.element }],
      }
    case 'map':
      return { kind: 'call', name: 'map_cast', args: e.entries.flatMap((entry) => [entry.key, entry.value]) }
    case 'call': {
      // Parametric aggregates take their parameters as last arguments.
      if (!e.parameters) return e
      const { parameters, ...rest } = e
      return { ...rest, args: [...e.args, ...parameters] }
    }
    default:
      return e
  }
}

function query16(query: Query, low: Lowering): Query {
  if (query.kind !== 'select' || !query.emit) return query
  const emit = emit16(query.emit, low)
  return emit === query.emit ? query : ({ ...query, emit } satisfies Select)
}

/** The printer spells the rest; this is about what 1.6 cannot do. */
function emit16(emit: Emit, low: Lowering): Emit {
  if (emit.after === 'key_expire' || emit.after === 'session_close') {
    const words = emit.after === 'key_expire' ? 'EMIT AFTER KEY EXPIRE' : 'EMIT AFTER SESSION CLOSE'
    low.refuse(words, 'use a session window with EMIT AFTER WINDOW CLOSE')
  }
  if (emit.perEvent) low.refuse('EMIT PER EVENT', 'use EMIT ON UPDATE')
  if (emit.delay && !emit.after) {
    low.refuse(
      'WITH DELAY outside EMIT AFTER WINDOW CLOSE',
      'drop the delay, or emit after the window closes',
    )
  }
  if (emit.periodic && (emit.after || emit.timeout)) {
    low.refuse('PERIODIC together with a window close or TIMEOUT', 'use one of them')
  }
  if (!emit.repeat) return emit
  low.note('EMIT_REPEAT_DROPPED', 'Proton 1.6 knows no REPEAT: a period without new rows emits nothing')
  const { repeat: _repeat, ...rest } = emit
  return rest
}
