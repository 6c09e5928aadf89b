import type { TypeArg, TypeNode } from '../ast.js'
import { quoteName, quoteString } from '../text.js'
import type { PrintContext } from './context.js'
import { exprText } from './expressions.js'

const SIMPLE = /^[a-z_][a-z0-9_]*$/

export function typeText(type: TypeNode, ctx: PrintContext): string {
  const name = SIMPLE.test(type.name) ? type.name : quoteName(type.name)
  if (type.args.length === 0) return name
  return `${name}(${type.args.map((arg) => argText(arg, ctx)).join(', ')})`
}

function argText(arg: TypeArg, ctx: PrintContext): string {
  switch (arg.kind) {
    case 'type':
      return typeText(arg.type, ctx)
    case 'named':
      return `${quoteName(arg.name)} ${typeText(arg.type, ctx)}`
    case 'number':
      return arg.text
    case 'string':
      return quoteString(arg.value)
    case 'enum':
      return arg.code === undefined ? quoteString(arg.value) : `${quoteString(arg.value)} = ${arg.code}`
    case 'function':
      return exprText(arg.expr, ctx)
  }
}
