/**
 * `${NAME}` and `${NAME:-default}` in SQL files; as in a shell, the default also stands in for an empty value. Comments and `$$ … $$` bodies are left alone (a JavaScript template
 * may say `${x}`); inside quotes a value is escaped, elsewhere it is put in as it stands.
 */

export interface VariableUse {
  name: string
  /** Offset of the `$` in the file. */
  offset: number
}

export interface Expansion {
  text: string
  used: string[]
  missing: VariableUse[]
  /** Offset in the file of an offset in `text`; inside an expanded value, that of its `$`. */
  sourceOffset(offset: number): number
}

interface Replacement {
  /** In the expanded text. */
  start: number
  end: number
  /** In the file. */
  sourceStart: number
  sourceEnd: number
}

const USE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/y

/** Replaces variables by `lookup`'s values; `undefined` without a default is missing. */
export function expandVariables(source: string, lookup: (name: string) => string | undefined): Expansion {
  const replacements: Replacement[] = []
  const missing: VariableUse[] = []
  const used = new Set<string>()
  let text = ''

  /** Takes the variable at `at`, if one is there, and returns the offset behind it. */
  const take = (at: number, quote?: string): number | undefined => {
    const match = source[at] === '$' ? matchAt(USE, source, at) : null
    if (!match) return undefined
    const name = match[1]!
    used.add(name)
    const value = lookup(name)
    const given = value === '' && match[2] !== undefined ? undefined : value
    if (given === undefined && match[2] === undefined) missing.push({ name, offset: at })
    const shown = given === undefined ? (match[2] ?? '') : quote ? escapeFor(quote, given) : given
    const sourceEnd = at + match[0].length
    replacements.push({ start: text.length, end: text.length + shown.length, sourceStart: at, sourceEnd })
    text += shown
    return sourceEnd
  }

  for (let at = 0; at < source.length; ) {
    const behind = take(at)
    if (behind !== undefined) {
      at = behind
      continue
    }
    const opaque = matchAt(OPAQUE, source, at)
    const quoted = opaque ? null : matchAt(QUOTED, source, at)
    const end = at + (opaque ?? quoted ?? ['.'])[0].length
    while (at < end) {
      const inside = quoted ? take(at, quoted[1]) : undefined
      if (inside === undefined) text += source[at]
      at = inside ?? at + 1
    }
  }
  return { text, used: [...used], missing, sourceOffset: (offset) => mapBack(replacements, offset) }
}

function escapeFor(quote: string, value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`)
}

function mapBack(replacements: Replacement[], offset: number): number {
  let shift = 0
  for (const { start, end, sourceStart, sourceEnd } of replacements) {
    if (offset < start) break
    if (offset < end) return sourceStart
    shift = sourceEnd - end
  }
  return offset + shift
}

/** Comments and heredocs, and quotes. What is left open runs to the end. */
const OPAQUE = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|(\$[A-Za-z_]*\$)[\s\S]*?(?:\1|$)/y
const QUOTED = /(['"`])(?:\\[\s\S]|(?!\1)[^\\])*(?:\1|$)/y

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  const match = pattern.exec(source)
  return match && match[0].length > 0 ? match : null
}
