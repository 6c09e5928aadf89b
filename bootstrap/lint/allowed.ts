import type { LintObject } from './rule.js'

/** A comment that allows what a rule finds: `-- tpctl-lint disable=CODE reason`. */
export interface Allowance {
  codes: string[]
  reason: string
  /** Offset in the file's own text. */
  offset: number
  /** Allows what begins in this part of the file's own text. */
  from: number
  to: number
}

const COMMENT = /--[ \t]*tpctl-lint\b[ \t]*([^\n]*)/g
const DISABLE = /^disable=([A-Z0-9_,]+)(?:[ \t]+(.*))?$/

/**
 * The allowances of a file. One before a statement is for all of it; one behind code is for its line, and one on a
 * line of its own inside a statement is for the next.
 */
export function allowancesOf(source: string, objects: readonly LintObject[]): Allowance[] {
  const spans = objects.map(({ file, start, end }) => ({
    start: file!.expansion.sourceOffset(start),
    end: file!.expansion.sourceOffset(end),
  }))
  return [...source.matchAll(COMMENT)].map((match) => {
    const offset = match.index
    const [, codes, reason = ''] = DISABLE.exec(match[1]!.trim()) ?? []
    const allowance = {
      codes: codes?.split(',').filter((code) => code !== '') ?? [],
      reason: reason.trim(),
      offset,
    }
    const around = spans.find(({ start, end }) => offset >= start && offset < end)
    const next = spans.find(({ start }) => start > offset)
    if (!around) return { ...allowance, from: next?.start ?? offset, to: next?.end ?? offset }
    const lineStart = source.lastIndexOf('\n', offset) + 1
    const lineEnd = endOfLine(source, offset)
    const alone = source.slice(lineStart, offset).trim() === ''
    return alone
      ? { ...allowance, from: lineEnd, to: endOfLine(source, lineEnd + 1) }
      : { ...allowance, from: lineStart, to: lineEnd }
  })
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}
