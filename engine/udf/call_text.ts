import type { CallTarget } from '../contracts.js'
import { storeType, valueType } from './types.js'

/** Types of the store that have no NULL. */
const NEVER_NULL = new Set(['array', 'map', 'tuple', 'nullable'])

/**
 * A call of a scalar function as the store's text, over arguments that are the store's text already: cast to the
 * declared types, and NULL where an argument is NULL, without a call. The result's type is nullable only where an
 * argument's is, which the store knows alone: an element of an array is, where its index is, and `x < x` is where x is.
 * Functions that run outside the store do not get the store's own treatment of NULL, so it is written out.
 *
 * `materialize` keeps the store from calling a function of constants while it analyses a statement: that happens
 * for a mere DESCRIBE too, and in the thread that serves all clients.
 */
export function scalarCallText(
  target: Extract<CallTarget, { kind: 'scalar' }>,
  args: readonly string[],
): string {
  const types = target.argTypes.map(valueType)
  const mayBeNull = args.filter((_, i) => !NEVER_NULL.has(types[i]!.kind))
  const cast = args.map((arg, i) => {
    const type = types[i]!
    const row = i === 0 ? `materialize(${arg})` : arg
    const value = NEVER_NULL.has(type.kind) ? row : `assumeNotNull(${row})`
    return `CAST(${value}, ${quote(storeType(type))})`
  })
  const call = `${target.chName}(${cast.join(', ')})`
  if (mayBeNull.length === 0) return call

  const anyNull = mayBeNull.map((arg) => `isNull(${arg})`).join(' OR ')
  const returns = valueType(target.returns)
  const plain = storeType(returns)
  if (returns.kind === 'nullable') return `if(${anyNull}, NULL, ${call})`
  const value = `if(${anyNull}, defaultValueOfTypeName(${quote(plain)}), ${call})`
  if (NEVER_NULL.has(returns.kind)) return value
  // NULL itself has no type that the element could have.
  if (mayBeNull.includes('NULL')) return `CAST(NULL, ${quote(`Nullable(${plain})`)})`
  const first = ['1', ...mayBeNull.map((arg) => `less(${arg}, ${arg})`)].join(' + ')
  return `arrayElement([${value}], ${first})`
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}
