import type { Emit, Expr, Query, Select, Statement } from '../ast.js'
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
      if (e.kind === 'parameter' && statement.kind === 'create_view') {
        low.refuse('views with parameters', 'write the value, or filter where the view is read')
      }
      return undefined
    },
    table: (t) => {
      if (t.kind === 'table' && t.args) {
        low.refuse('views with parameters', 'write the value, or filter where the view is read')
      }
      return undefined
    },
    query: (q) => {
      if (q.kind === 'select' && q.groupByModifier === 'all') low.refuse('GROUP BY ALL', 'name the columns')
      return undefined
    },
  })
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
