import type { Edition } from '../editions.js'

export interface PrintOptions {
  /** Chooses the spelling of EMIT; without it, that of 3.x, which is the canonical one. */
  edition?: Edition
  /** Several lines, for people. */
  pretty?: boolean
  /** Several lines as Proton itself writes them in SHOW CREATE: brackets around each operator inside another. */
  asServer?: boolean
}

/** How to print, and how far in. */
export interface PrintContext {
  readonly edition: Edition | undefined
  readonly pretty: boolean
  readonly asServer: boolean
  readonly indent: number
}

export const contextOf = (options: PrintOptions): PrintContext => ({
  edition: options.edition,
  pretty: options.pretty ?? options.asServer ?? false,
  asServer: options.asServer ?? false,
  indent: 0,
})

export const deeper = (ctx: PrintContext): PrintContext => ({ ...ctx, indent: ctx.indent + 1 })
export const shallower = (ctx: PrintContext): PrintContext => ({
  ...ctx,
  indent: Math.max(0, ctx.indent - 1),
})

/** A line break at the context's depth, or a blank (or nothing) where everything goes on one line. */
export function lineBreak(ctx: PrintContext, otherwise = ' '): string {
  return ctx.pretty ? `\n${'  '.repeat(ctx.indent)}` : otherwise
}

/** Items on one line while they are short, else one a line (pretty only). */
export function layoutList(items: string[], ctx: PrintContext): string {
  const flat = items.join(', ')
  if (!ctx.pretty || ctx.asServer || (flat.length <= 80 && !flat.includes('\n'))) return flat
  const inner = deeper(ctx)
  return items.map((item) => lineBreak(inner) + item).join(',')
}
