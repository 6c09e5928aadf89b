import type { DeployedKind } from '../../../bootstrap/model.js'
import { EDITIONS, type Edition } from '../../../dialect/index.js'

/** `replace rebuilds`: what is done about an object, and what is lost by it. */
export type Expected = Record<string, string>

export interface ChangeCase {
  kind: DeployedKind
  what: string
  /** Statements before and after; `_N` in names becomes the number of the case, so that all can live together. */
  before: string
  after: string
  /** By key, of what changes; by edition where they differ. */
  expected: Expected | ((edition: Edition) => Expected)
  /** What is sent to the engine about an object, where that is the point. */
  sends?: Record<string, string[]>
  editions?: readonly Edition[]
}

export const SINCE_3: readonly Edition[] = ['oss-3', 'enterprise']
/** Where mutable streams are what they are called. */
export const hasMutable = (edition: Edition) => edition === 'embedded' || edition === 'enterprise'

export function casesFor(cases: readonly ChangeCase[], edition: Edition): ChangeCase[] {
  return cases.flatMap((one, at) => {
    if (!(one.editions ?? EDITIONS).includes(edition)) return []
    const numbered = (text: string) => text.replaceAll(/_N\b/g, `_${at}`)
    const keys = <T>(record: Record<string, T>) =>
      Object.fromEntries(Object.entries(record).map(([key, value]) => [numbered(key), value]))
    const expected = typeof one.expected === 'function' ? one.expected(edition) : one.expected
    return [
      {
        ...one,
        before: numbered(one.before),
        after: numbered(one.after),
        expected: keys(expected),
        ...(one.sends
          ? {
              sends: keys(
                Object.fromEntries(Object.entries(one.sends).map(([key, sql]) => [key, sql.map(numbered)])),
              ),
            }
          : {}),
      },
    ]
  })
}

/** The names that a case is about: those of its own objects and nobody else's. */
export function isOf(one: ChangeCase, key: string): boolean {
  const number = /_(\d+)\b/.exec(`${one.before}${one.after}`)![1]!
  return new RegExp(`_${number}\\b`).test(key)
}

/** Something with rows that is made anew: they are carried over. */
export const anew = (...keys: string[]): Expected =>
  Object.fromEntries(keys.map((key) => [key, 'replace safe']))

/** What a view's new query means for it and others, by what the edition can. */
export const byEdition =
  (embedded: Expected, since3: Expected, before: Expected = since3) =>
  (edition: Edition): Expected =>
    edition === 'embedded' ? embedded : edition === 'oss-1.6' ? before : since3
