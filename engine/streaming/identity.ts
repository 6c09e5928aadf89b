/**
 * Several expressions of the store as one value for IN. NULL is never IN anything, so where a type can be
 * NULL the value is text, in which NULL differs from every string.
 */
export function identity(expressions: string[], types: string[]): string {
  const list = expressions.join(', ')
  return types.some((type) => type.includes('Nullable(')) ? `toString(tuple(${list}))` : `(${list})`
}
