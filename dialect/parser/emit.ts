import type { Emit } from '../ast.js'
import type { Cursor } from './cursor.js'
import { parseExprWithAlias } from './expressions.js'
import { parseInterval } from './interval.js'

/**
 * What follows the word EMIT, in the spellings of 1.6 (`AFTER WATERMARK`, `PERIODIC i ON UPDATE`) and of
 * 3.x (`AFTER WINDOW CLOSE`, `ON UPDATE WITH BATCH i`): both give the same node.
 */
export function parseEmit(c: Cursor): Emit {
  const start = c.index
  const emit: Emit = {}
  if (c.takeKeyword('STREAM')) emit.mode = 'stream'
  else if (c.takeKeyword('CHANGELOG')) emit.mode = 'changelog'
  while (parseEmitPart(c, emit)) {
    // AND may stand between any two parts.
    if (c.takeKeyword('AND') && !parseEmitPart(c, emit)) c.fail('PERIODIC', 'TIMEOUT', 'LAST', 'DELAY')
    c.takeKeyword('AND')
  }
  // `PERIODIC i ON UPDATE` is the old spelling of `ON UPDATE WITH BATCH i`.
  if (emit.onUpdate && emit.periodic && !emit.batch) {
    emit.batch = emit.periodic
    delete emit.periodic
  }
  return { ...emit, span: c.span(start) }
}

function parseEmitPart(c: Cursor, emit: Emit): boolean {
  if (c.takeKeyword('AFTER')) {
    parseAfter(c, emit)
  } else if (c.takeKeyword('PERIODIC')) {
    if (emit.periodic) c.rule("Can not use repeat 'PERIODIC' in EMIT clause")
    emit.periodic = parseInterval(c)
    if (c.takeKeyword('REPEAT')) emit.repeat = true
  } else if (c.takeKeyword('ON')) {
    c.expectKeyword('UPDATE')
    emit.onUpdate = true
    if (c.takeKeyword('WITH BATCH')) emit.batch = parseInterval(c)
  } else if (c.takeKeyword('PER EVENT')) {
    emit.perEvent = true
  } else if (c.takeKeyword('WITH DELAY') || c.takeKeyword('DELAY')) {
    emit.delay = parseInterval(c)
  } else if (c.takeKeyword('WITH ONLY MAXSPAN')) {
    emit.maxSpan = parseInterval(c)
    emit.onlyMaxSpan = true
  } else if (c.takeKeyword('WITH MAXSPAN') || c.takeKeyword('MAXSPAN')) {
    emit.maxSpan = parseInterval(c)
  } else if (c.takeKeyword('WITH TIMEOUT') || c.takeKeyword('TIMEOUT')) {
    if (emit.timeout) c.rule("Can not use repeat 'TIMEOUT' in EMIT clause")
    emit.timeout = parseInterval(c)
  } else if (c.takeKeyword('LAST')) {
    if (emit.last) c.rule("Can not use repeat 'LAST' in EMIT clause")
    emit.last = parseInterval(c)
    if (c.takeKeyword('ON PROCTIME')) emit.onProctime = true
  } else {
    return false
  }
  return true
}

function parseAfter(c: Cursor, emit: Emit): void {
  if (c.takeKeyword('WATERMARK') || c.takeKeyword('WINDOW CLOSE')) {
    emit.after = 'window_close'
    return
  }
  if (c.takeKeyword('KEY EXPIRE')) emit.after = 'key_expire'
  else if (c.takeKeyword('SESSION CLOSE')) emit.after = 'session_close'
  else c.fail('WATERMARK', 'WINDOW CLOSE', 'KEY EXPIRE', 'SESSION CLOSE')
  if (!c.takeKeyword('IDENTIFIED BY')) return
  const inBrackets = c.take('(')
  emit.identifiedBy = inBrackets ? c.list(() => parseExprWithAlias(c)) : [parseExprWithAlias(c)]
  if (inBrackets) c.expect(')')
}
