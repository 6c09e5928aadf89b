import type { JsonPath } from '../../../dialect/ast.js'
import { quoteString } from '../../chdb/pool.js'

type Step = JsonPath['path'][number]

/**
 * `col:a.b` is Proton's json_value: a string's content, everything else as its JSON text (objects and
 * arrays included), `''` where there is nothing. A JSON null is the text `null`.
 * `col:a[*]` is an array of such texts.
 */
export function jsonPathText(json: string, path: readonly Step[]): string {
  const wildcard = path.findIndex((step) => 'wildcard' in step)
  if (wildcard < 0) return scalarText(json, path)
  const items = `JSONExtractArrayRaw(${[json, ...path.slice(0, wildcard).map(stepText)].join(', ')})`
  const rest = path.slice(wildcard + 1)
  if (rest.some((step) => 'wildcard' in step)) {
    return `arrayFlatten(arrayMap(_j -> ${jsonPathText('_j', rest)}, ${items}))`
  }
  return `arrayMap(_j -> ${rest.length === 0 ? unquoted('_j') : scalarText('_j', rest)}, ${items})`
}

function scalarText(json: string, path: readonly Step[]): string {
  const args = [json, ...path.map(stepText)].join(', ')
  const found = `JSONExtract(${args}, 'Nullable(String)')`
  return `if(isNull(${found}), if(JSONHas(${args}), 'null', ''), assumeNotNull(${found}))`
}

/** Whether a path gives an array of texts. */
export function isJsonArrayPath(path: readonly Step[]): boolean {
  return path.some((step) => 'wildcard' in step)
}

/** The elements of a JSON array in a string, as texts; empty where the string holds none. */
export function jsonArrayText(args: string): string {
  return `arrayMap(_j -> ${unquoted('_j')}, JSONExtractArrayRaw(${args}))`
}

/** A JSON string's content; the JSON text of anything else. */
export function unquoted(raw: string): string {
  return `if(startsWith(${raw}, '"'), JSONExtractString(${raw}), ${raw})`
}

function stepText(step: Step): string {
  if ('key' in step) return quoteString(step.key)
  if ('index' in step) return String(step.index)
  return ''
}

/** `$.a.b[0]`, with quoted or back-quoted keys; undefined for anything this cannot read (wildcards, ranges). */
export function parseJsonPath(path: string): Step[] | undefined {
  const step = /\.?(?:`((?:[^`\\]|\\.)+)`|"((?:[^"\\]|\\.)+)"|([A-Za-z_][\w]*)|\[(\d+)\])/y
  if (!path.startsWith('$')) return undefined
  const steps: Step[] = []
  step.lastIndex = 1
  while (step.lastIndex < path.length) {
    const match = step.exec(path)
    if (!match) return undefined
    const key = match[1] ?? match[2] ?? match[3]
    // A JSONPath counts from 0, the store's functions from 1.
    steps.push(key === undefined ? { index: Number(match[4]) + 1 } : { key: key.replace(/\\(.)/g, '$1') })
  }
  return steps
}
