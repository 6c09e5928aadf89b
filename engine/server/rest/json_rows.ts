/**
 * The rows of an ingest request as they are written. They are not parsed into numbers here: a 64-bit integer
 * or a long decimal must reach the store digit by digit.
 */

/** Texts of the elements of the array under the top-level key `name`, or undefined where it is no array. */
export function arrayElements(json: string, name: string): string[] | undefined {
  const start = valueOfKey(json, name)
  if (start === undefined || json[start] !== '[') return undefined
  const elements: string[] = []
  let at = start + 1
  for (;;) {
    at = skipBlank(json, at)
    if (json[at] === ']' || at >= json.length) return elements
    const end = skipValue(json, at)
    elements.push(json.slice(at, end).trim())
    at = skipBlank(json, end)
    if (json[at] === ',') at++
  }
}

function valueOfKey(json: string, name: string): number | undefined {
  let at = skipBlank(json, 0) + 1
  let found: number | undefined
  for (;;) {
    at = skipBlank(json, at)
    if (json[at] !== '"') return found
    const keyEnd = skipString(json, at)
    const key = JSON.parse(json.slice(at, keyEnd)) as string
    at = skipBlank(json, skipBlank(json, keyEnd) + 1)
    if (key === name) found = at
    at = skipBlank(json, skipValue(json, at))
    if (json[at] === ',') at++
  }
}

function skipBlank(json: string, at: number): number {
  while (at < json.length && json.charCodeAt(at) <= 32) at++
  return at
}

function skipString(json: string, at: number): number {
  for (let i = at + 1; i < json.length; i++) {
    if (json[i] === '\\') i++
    else if (json[i] === '"') return i + 1
  }
  return json.length
}

/** The end of the value that starts at `at`. The text is known to be JSON. */
function skipValue(json: string, at: number): number {
  let depth = 0
  for (let i = at; i < json.length; i++) {
    const c = json[i]
    if (c === '"') {
      i = skipString(json, i) - 1
      if (depth === 0) return i + 1
    } else if (c === '[' || c === '{') depth++
    else if (c === ']' || c === '}') {
      if (depth === 0) return i
      if (--depth === 0) return i + 1
    } else if (c === ',' && depth === 0) return i
  }
  return json.length
}
