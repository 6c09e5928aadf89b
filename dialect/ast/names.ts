import type { Expr } from './expressions.js'

// Names and types.

/** Half-open range of UTF-16 offsets in the source text. */
export interface Span {
  start: number
  end: number
}

/** What every node has; nodes made by a rewrite have no span. */
export interface Node {
  span?: Span
}

/** `[database.]name`. Case-sensitive, without quotes. */
export interface QualifiedName extends Node {
  database?: string
  name: string
}

/** A data type as written: `array(nullable(datetime64(3, 'UTC')))`. Names are kept lower-case. */
export interface TypeNode extends Node {
  name: string
  /** Types, literals (`3`, `'UTC'`, `'a' = 1` of an enum) or named elements (`tuple(a int8)`, `nested(...)`). */
  args: TypeArg[]
}

export type TypeArg =
  | { kind: 'type'; type: TypeNode }
  | { kind: 'named'; name: string; type: TypeNode }
  | { kind: 'number'; text: string }
  | { kind: 'string'; value: string }
  | { kind: 'enum'; value: string; code?: string }
  /** `aggregate_function(sum, int)` – the function's name, with parametric arguments if any. */
  | { kind: 'function'; expr: Expr }
