import type { Emit } from '../ast.js'
import type { PrintContext } from './context.js'
import { exprList, exprText } from './expressions.js'

/** EMIT in the spelling of 1.6 (`AFTER WATERMARK`, `PERIODIC i ON UPDATE`) or of 3.x. */
export function emitText(emit: Emit, ctx: PrintContext): string {
  const old = ctx.edition === 'oss-1.6'
  const parts: string[] = []
  if (emit.mode) parts.push(emit.mode.toUpperCase())
  const head = parts.length
  if (emit.after) parts.push(afterText(emit, ctx, old))
  if (emit.after && emit.delay) parts.push(`WITH DELAY ${exprText(emit.delay, ctx)}`)
  if (emit.periodic) parts.push(`PERIODIC ${exprText(emit.periodic, ctx)}${emit.repeat ? ' REPEAT' : ''}`)
  if (emit.onUpdate) {
    if (old && emit.batch) parts.push(`PERIODIC ${exprText(emit.batch, ctx)}`)
    parts.push('ON UPDATE')
    if (!old && emit.batch) parts.push(`WITH BATCH ${exprText(emit.batch, ctx)}`)
  }
  if (emit.perEvent) parts.push('PER EVENT')
  if (!emit.after && emit.delay) parts.push(`WITH DELAY ${exprText(emit.delay, ctx)}`)
  if (emit.maxSpan)
    parts.push(`WITH ${emit.onlyMaxSpan ? 'ONLY ' : ''}MAXSPAN ${exprText(emit.maxSpan, ctx)}`)
  const and = (): string => (parts.length > head ? 'AND ' : '')
  if (emit.timeout) parts.push(`${and()}TIMEOUT ${exprText(emit.timeout, ctx)}`)
  if (emit.last)
    parts.push(`${and()}LAST ${exprText(emit.last, ctx)}${emit.onProctime ? ' ON PROCTIME' : ''}`)
  return ['EMIT', ...parts].join(' ')
}

function afterText(emit: Emit, ctx: PrintContext, old: boolean): string {
  if (emit.after === 'window_close') return old ? 'AFTER WATERMARK' : 'AFTER WINDOW CLOSE'
  const words = emit.after === 'key_expire' ? 'AFTER KEY EXPIRE' : 'AFTER SESSION CLOSE'
  if (!emit.identifiedBy) return words
  const list = exprList(emit.identifiedBy, ctx)
  return `${words} IDENTIFIED BY ${emit.identifiedBy.length > 1 ? `(${list})` : list}`
}
