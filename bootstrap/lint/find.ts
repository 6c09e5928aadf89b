import { type Expr, type Join, type Select, visit } from '../../dialect/index.js'

/** Parts of a statement, outermost first. */
export function joinsIn(root: object): Join[] {
  const found: Join[] = []
  visit(root, {
    table: (node) => {
      if (node.kind === 'join') found.push(node)
    },
  })
  return found
}

export function selectsIn(root: object): Select[] {
  const found: Select[] = []
  visit(root, {
    query: (node) => {
      if (node.kind === 'select') found.push(node)
    },
  })
  return found
}

export function literalsIn(root: object): Extract<Expr, { kind: 'literal' }>[] {
  const found: Extract<Expr, { kind: 'literal' }>[] = []
  visit(root, {
    expr: (node) => {
      if (node.kind === 'literal') found.push(node)
    },
  })
  return found
}

/** The terms of a condition that must all hold. */
export function conjuncts(expr: Expr | undefined): Expr[] {
  if (!expr) return []
  return expr.kind === 'binary' && expr.op === 'and'
    ? [...conjuncts(expr.left), ...conjuncts(expr.right)]
    : [expr]
}
