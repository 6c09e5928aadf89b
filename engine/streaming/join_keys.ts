import type { BinaryOperator, Expr, Join } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import { column, columnsOf, conjuncts } from './syntax.js'

/** What can be named on one side of a join. */
export interface Side {
  /** Alias or name of each relation with its columns. */
  relations: { alias?: string; columns: string[] }[]
}

/** ON or USING, taken apart. */
export interface JoinCondition {
  /** `left = right` pairs. */
  keys: { left: Expr; right: Expr }[]
  /** The inequality of an ASOF join, written as `left op right`. */
  inequality?: { left: Expr; op: '<' | '<=' | '>' | '>='; right: Expr }
  /** Everything else. */
  rest: Expr[]
}

const FLIPPED: Partial<Record<BinaryOperator, BinaryOperator>> = {
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
  '=': '=',
}

/** Throws 403 where the condition is none that a streaming join can use. */
export function joinCondition(join: Join, left: Side, right: Side): JoinCondition {
  const condition: JoinCondition = { keys: [], rest: [] }
  const asof = join.strictness === 'asof'
  const terms = join.using ? join.using.map(usingTerm(right, asof)) : conjuncts(join.on)
  for (const term of terms) {
    const pair = term.kind === 'binary' ? twoSides(term, left, right) : undefined
    if (pair?.op === '=') condition.keys.push({ left: pair.left, right: pair.right })
    else if (asof && pair && isInequality(pair.op)) {
      if (condition.inequality) {
        throw new EngineError(
          'INVALID_JOIN_ON_EXPRESSION',
          'ASOF JOIN expects exactly one inequality in ON section',
        )
      }
      condition.inequality = { left: pair.left, op: pair.op, right: pair.right }
    } else condition.rest.push(term)
  }
  if (asof && !condition.inequality) {
    throw new EngineError(
      'INVALID_JOIN_ON_EXPRESSION',
      'ASOF JOIN expects exactly one inequality in ON section',
    )
  }
  if (asof && condition.rest.length > 0) {
    throw new EngineError('INVALID_JOIN_ON_EXPRESSION', 'Unsupported JOIN ON conditions of an ASOF JOIN')
  }
  if (condition.keys.length === 0) {
    throw new EngineError(
      'INVALID_JOIN_ON_EXPRESSION',
      'Cannot get JOIN keys: a streaming join needs an equality between a left and a right column in ON section',
    )
  }
  return condition
}

/** USING (a, b): equalities; the last one of an ASOF join is `left >= right`. */
function usingTerm(right: Side, asof: boolean) {
  const alias = right.relations[0]?.alias
  return (expr: Expr, index: number, all: Expr[]): Expr => {
    const name = expr.kind === 'column' ? expr.path.at(-1)! : ''
    const op = asof && index === all.length - 1 ? '>=' : '='
    return { kind: 'binary', op, left: column(name), right: alias ? column(alias, name) : column(name) }
  }
}

function isInequality(op: BinaryOperator): op is '<' | '<=' | '>' | '>=' {
  return op === '<' || op === '<=' || op === '>' || op === '>='
}

function twoSides(term: Expr & { kind: 'binary' }, left: Side, right: Side) {
  const flipped = FLIPPED[term.op]
  if (flipped === undefined) return undefined
  const [a, b] = [sideOf(term.left, left, right), sideOf(term.right, left, right)]
  if (a === 'left' && b === 'right') return { left: term.left, op: term.op, right: term.right }
  if (a === 'right' && b === 'left') return { left: term.right, op: flipped, right: term.left }
  return undefined
}

type Place = 'left' | 'right' | 'both' | 'none'

/** Which side the columns of an expression belong to. A name that both have unqualified is taken as the left's. */
export function sideOf(expr: Expr, left: Side, right: Side): Place {
  let place: Place = 'none'
  for (const { path } of columnsOf(expr)) {
    const here = sideOfPath(path, left, right)
    if (here === undefined) {
      throw new EngineError(
        'UNKNOWN_IDENTIFIER',
        `Missing columns: '${path.join('.')}' while processing JOIN`,
      )
    }
    place = place === 'none' || place === here ? here : 'both'
  }
  return place
}

/** A name of a relation counts before a column of that name. */
function sideOfPath(path: string[], left: Side, right: Side): 'left' | 'right' | undefined {
  if (path.length > 1) {
    if (isNamed(left, path)) return 'left'
    if (isNamed(right, path)) return 'right'
  }
  const owns = (side: Side) => side.relations.some(({ columns }) => columns.includes(path[0]!))
  return owns(left) ? 'left' : owns(right) ? 'right' : undefined
}

/** `alias.column` or `database.stream.column`. */
function isNamed(side: Side, path: string[]): boolean {
  return side.relations.some(({ alias }) => alias !== undefined && (path[0] === alias || path[1] === alias))
}
