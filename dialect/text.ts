/**
 * Literals and names between their source text and their value. A string's bytes need not be UTF-8 in
 * Proton (`'\xFF'`); a byte that belongs to no character is kept as a lone surrogate U+DC80…U+DCFF and
 * printed back as `\xHH`, so nothing is lost on the way.
 */
const ESCAPES: Record<string, string> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '0': '\0',
}
const KEPT_BARE = new Set(['\\', '`', '"', "'", '/', '='])

/** The value of `'…'`, or of a quoted name, whose delimiters are the first and last character of `raw`. */
export function unquote(raw: string): string {
  const quote = raw[0]
  const body = raw.slice(1, -1)
  if (!body.includes('\\') && !body.includes(quote!)) return body
  let out = ''
  let bytes: number[] = []
  const flush = (): void => {
    if (bytes.length > 0) out += decodeBytes(bytes)
    bytes = []
  }
  for (let i = 0; i < body.length; i++) {
    const c = body[i]!
    if (c === '\\') {
      const next = body[i + 1] ?? ''
      const hex = next === 'x' ? /^[0-9A-Fa-f]{2}/.exec(body.slice(i + 2, i + 4)) : null
      if (hex) {
        bytes.push(Number.parseInt(hex[0], 16))
        i += 3
        continue
      }
      flush()
      i++
      if (next === 'N') continue
      out += ESCAPES[next] ?? (KEPT_BARE.has(next) ? next : `\\${next}`)
      continue
    }
    flush()
    if (c === quote) i++
    out += c
  }
  flush()
  return out
}

function decodeBytes(bytes: number[]): string {
  let out = ''
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i)
    if (length === 0) {
      out += String.fromCharCode(0xdc00 + bytes[i]!)
      i++
    } else {
      out += new TextDecoder().decode(Uint8Array.from(bytes.slice(i, i + length)))
      i += length
    }
  }
  return out
}

/** Length of the UTF-8 character at `i`, 0 where the bytes are none. */
function sequenceLength(bytes: number[], i: number): number {
  for (let length = 1; length <= 4 && i + length <= bytes.length; length++) {
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        Uint8Array.from(bytes.slice(i, i + length)),
      )
      if (text.length > 0) return length
    } catch {
      // not a whole character yet
    }
  }
  return 0
}

/** The text between the tags of a here-document. */
export function heredocBody(raw: string): string {
  const tag = raw.indexOf('$', 1) + 1
  return raw.slice(tag, raw.length - tag)
}

const TO_ESCAPE = /[\\'\n\r\t\0\x07\b\f\v\udc80-\udcff]/g
const AS_ESCAPE: Record<string, string> = {
  '\\': '\\\\',
  "'": "\\'",
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
}

/** A string literal in canonical spelling. */
export function quoteString(value: string): string {
  const escaped = value.replace(TO_ESCAPE, (c, offset: number) => {
    const simple = AS_ESCAPE[c]
    if (simple !== undefined) return simple
    const before = value.charCodeAt(offset - 1)
    const pair = offset > 0 && before >= 0xd800 && before <= 0xdbff
    return pair ? c : `\\x${(c.charCodeAt(0) - 0xdc00).toString(16).toUpperCase()}`
  })
  return `'${escaped}'`
}

/** A here-document with `body`, under a tag that does not occur in it. */
export function quoteHeredoc(body: string): string {
  if (!body.includes('$$') && !body.endsWith('$')) return `$$${body}$$`
  let n = 1
  while (`${body}$`.includes(`$tag${n}$`)) n++
  return `$tag${n}$${body}$tag${n}$`
}

/** Words that the parser or Proton reads as syntax where a name may stand; quoted when they are names. */
const QUOTED_WORDS = new Set(
  `ALL AND ANTI ANY ARRAY AS ASC ASOF BETWEEN BY CASE CAST COLUMNS CROSS DATE DESC DISTINCT DIV ELSE EMIT END
  EXCEPT EXISTS EXTRACT FALSE FAMILY FINAL FORMAT FROM FULL GLOBAL GROUP HAVING ILIKE IN INDEX INF INFINITY INNER INTERSECT
  INTERVAL INTO IS JOIN KEY LATEST LEFT LIKE LIMIT MOD NAN NOT NULL OFFSET ON ONLY OR ORDER OVER PARTITION
  PREWHERE PRIMARY PROJECTION CONSTRAINT RIGHT SAMPLE SELECT SEMI SET SETTINGS SHUFFLE TABLE FUNCTION TEMPORARY THEN TIMESTAMP TOP TRUE
  UNION USING VALUES VIEW WHEN WHERE WINDOW WITH FILTER UUID IF PERIODIC`.split(/\s+/),
)

/** A name as it must be written: bare where that is safe, else in backticks. */
export function quoteName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !QUOTED_WORDS.has(name.toUpperCase())) return name
  const escaped = name.replace(TO_ESCAPE, (c) => (c === "'" ? c : (AS_ESCAPE[c] ?? c))).replaceAll('`', '\\`')
  return `\`${escaped}\``
}
