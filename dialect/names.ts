/**
 * Names of functions, types and settings in Proton and in ClickHouse. Function and type names are
 * compared lower-case, as Proton does. The tables are generated (tools/generate-names.mjs).
 */
import type { Expr, TypeArg, TypeNode } from './ast.js'
import { FUNCTION_TABLE, SETTING_TABLE, TYPE_TABLE } from './names.generated.js'
import { parseType } from './parser/script.js'
import { quoteName, quoteString } from './text.js'

interface FunctionRow {
  name: string
  clickHouse: string
  flags: string
}

interface Combinator {
  /** `_if`. */
  suffix: string
  /** `If`; empty where ClickHouse has none. */
  clickHouse: string
}

const rows = (table: string): string[][] =>
  table
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t'))

const functions = new Map<string, FunctionRow>()
const byClickHouse = new Map<string, FunctionRow>()
const combinators: Combinator[] = []

for (const [name = '', clickHouse = '', flags = ''] of rows(FUNCTION_TABLE)) {
  if (flags.includes('c')) {
    combinators.push({ suffix: name, clickHouse })
    continue
  }
  const row: FunctionRow = { name, clickHouse, flags }
  const key = name.toLowerCase()
  // Of two names that differ in case only, the one written in lower case is the usual one.
  if (!functions.has(key) || name === key) functions.set(key, row)
  if (clickHouse === '') continue
  const rival = byClickHouse.get(clickHouse.toLowerCase())
  if (!rival || preference(row) > preference(rival)) byClickHouse.set(clickHouse.toLowerCase(), row)
}
combinators.sort((a, b) => b.suffix.length - a.suffix.length)

/** Which of several Proton names of one ClickHouse function to print: no alias, and the one spelled most alike. */
function preference(row: FunctionRow): number {
  const plain = row.name.replaceAll('_', '').toLowerCase()
  const target = row.clickHouse.toLowerCase()
  let shared = 0
  while (shared < plain.length && plain[shared] === target[shared]) shared++
  return (
    (row.flags.includes('l') ? 0 : 400) +
    (plain === target ? 200 : 0) +
    (row.flags.includes('6') ? 100 : 0) +
    shared
  )
}

interface Resolved {
  row: FunctionRow
  /** Innermost first: `sum_if_or_null` is sum, `_if`, `_or_null`. */
  suffixes: Combinator[]
}

/** A known function, or an aggregate one with combinators behind its name. */
function resolve(name: string): Resolved | undefined {
  const lower = name.toLowerCase()
  const row = functions.get(lower)
  if (row) return { row, suffixes: [] }
  for (const combinator of combinators) {
    if (!lower.endsWith(combinator.suffix) || lower.length === combinator.suffix.length) continue
    const inner = resolve(lower.slice(0, -combinator.suffix.length))
    if (inner?.row.flags.includes('a')) return { row: inner.row, suffixes: [...inner.suffixes, combinator] }
  }
  return undefined
}

export function isKnownFunction(name: string): boolean {
  return resolve(name) !== undefined
}

export function isAggregateFunction(name: string): boolean {
  return resolve(name)?.row.flags.includes('a') ?? false
}

/** True for a function that a Proton 1.6.1 listed; false for those of newer or otherwise built servers. */
export function functionIn16(name: string): boolean | undefined {
  return resolve(name)?.row.flags.includes('6')
}

/** True for functions that stand in FROM: `table`, `tumble`, `numbers` … */
export function isTableFunction(name: string): boolean {
  return functions.get(name.toLowerCase())?.flags.includes('t') ?? false
}

/** The aggregate function without its combinators, and their suffixes, innermost first. */
export function splitCombinators(name: string): { base: string; suffixes: string[] } | undefined {
  const found = resolve(name)
  return found && { base: found.row.name, suffixes: found.suffixes.map((c) => c.suffix) }
}

/** Proton's own spelling of a known name (`to_yyyymm` → `to_YYYYMM`), any other name as it is. */
export function canonicalFunctionName(name: string): string {
  const found = resolve(name)
  if (!found) return name
  const base = found.row.name === found.row.name.toUpperCase() ? found.row.name.toLowerCase() : found.row.name
  return base + found.suffixes.map((c) => c.suffix).join('')
}

/** ClickHouse's name of a Proton function, combinators included; undefined where it has none. */
export function toClickHouseFunction(name: string): string | undefined {
  const found = resolve(name)
  if (!found || found.row.clickHouse === '' || found.suffixes.some((c) => c.clickHouse === ''))
    return undefined
  return found.row.clickHouse + found.suffixes.map((c) => c.clickHouse).join('')
}

/** Proton's name of a ClickHouse function, combinators included. */
export function toProtonFunction(clickHouseName: string): string | undefined {
  const row = byClickHouse.get(clickHouseName.toLowerCase())
  if (row) return row.name
  for (const { suffix, clickHouse } of combinators) {
    if (clickHouse === '' || !clickHouseName.endsWith(clickHouse)) continue
    const inner = toProtonFunction(clickHouseName.slice(0, -clickHouse.length))
    if (inner !== undefined && isAggregateFunction(inner)) return inner + suffix
  }
  return undefined
}

/** Names of all functions, for suggestions and `system.functions`. */
export function functionNames(): string[] {
  return [...functions.values()].map((row) => row.name)
}

// ------------------------------------------------------------------ types

const toClickHouse = new Map<string, string>()
const fromClickHouse = new Map<string, string>()
const typeAliases = new Map<string, string>()

const typesIn16 = new Set<string>()

for (const [name = '', clickHouse = '', flags = ''] of rows(TYPE_TABLE)) {
  if (flags.includes('6')) typesIn16.add(name)
  toClickHouse.set(name, clickHouse)
  const key = clickHouse.toLowerCase()
  if (flags.includes('l')) typeAliases.set(name, fromClickHouse.get(key) ?? name)
  else if (fromClickHouse.has(key)) typeAliases.set(name, fromClickHouse.get(key)!)
  else fromClickHouse.set(key, name)
}

/** True if the name is that of a data type or an alias of one. */
export function isKnownType(name: string): boolean {
  return toClickHouse.has(name.toLowerCase())
}

/** True for a type that a Proton 1.6.1 listed. */
export function typeIn16(name: string): boolean {
  return typesIn16.has(name.toLowerCase())
}

const DECIMAL_DIGITS: Record<string, string> = {
  decimal32: '9',
  decimal64: '18',
  decimal128: '38',
  decimal256: '76',
}

/** The type with aliases resolved, as Proton prints it: `int` → `int32`, `decimal64(2)` → `decimal(18, 2)`. */
export function canonicalType(type: TypeNode): TypeNode {
  const name = typeAliases.get(type.name.toLowerCase()) ?? type.name.toLowerCase()
  const args = type.args.map(canonicalTypeArg)
  const digits = DECIMAL_DIGITS[name]
  if (digits !== undefined && args.length === 1) {
    return { name: 'decimal', args: [{ kind: 'number', text: digits }, ...args] }
  }
  if (name === 'enum' || name === 'enum8' || name === 'enum16') return canonicalEnum(name, args)
  return { name, args }
}

function canonicalTypeArg(arg: TypeArg): TypeArg {
  if (arg.kind === 'type') return { kind: 'type', type: canonicalType(arg.type) }
  if (arg.kind === 'named') return { kind: 'named', name: arg.name, type: canonicalType(arg.type) }
  return arg
}

/** Values without a number count on from the one before; `enum` is as wide as its numbers need. */
function canonicalEnum(name: string, args: TypeArg[]): TypeNode {
  let next = 1
  const values = args.map((arg): TypeArg => {
    if (arg.kind !== 'enum' && arg.kind !== 'string') return arg
    const code = arg.kind === 'enum' && arg.code !== undefined ? Number(arg.code) : next
    next = code + 1
    return { kind: 'enum', value: arg.value, code: String(code) }
  })
  const wide = values.some((v) => v.kind === 'enum' && (Number(v.code) > 127 || Number(v.code) < -128))
  return { name: name === 'enum' ? (wide ? 'enum16' : 'enum8') : name, args: values }
}

/** ClickHouse's text of a type: `array(nullable(string))` → `Array(Nullable(String))`. Unknown names stay. */
export function toClickHouseType(type: TypeNode): string {
  const canonical = canonicalType(type)
  const name = toClickHouse.get(canonical.name) ?? canonical.name
  if (name === 'Object') return 'JSON'
  if (canonical.args.length === 0) return name
  return `${name}(${canonical.args.map(toClickHouseTypeArg).join(', ')})`
}

function toClickHouseTypeArg(arg: TypeArg): string {
  switch (arg.kind) {
    case 'type':
      return toClickHouseType(arg.type)
    case 'named':
      return `${quoteName(arg.name)} ${toClickHouseType(arg.type)}`
    case 'number':
      return arg.text
    case 'string':
      return quoteString(arg.value)
    case 'enum':
      return arg.code === undefined ? quoteString(arg.value) : `${quoteString(arg.value)} = ${arg.code}`
    case 'function':
      return aggregateText(arg.expr)
  }
}

/** The function in `AggregateFunction(quantile(0.5), …)`. */
function aggregateText(expr: Expr): string {
  if (expr.kind === 'column') return toClickHouseFunction(expr.path.join('.')) ?? expr.path.join('.')
  if (expr.kind !== 'call') return ''
  const args = expr.args.map((arg) => (arg.kind === 'literal' && arg.type === 'number' ? arg.text : ''))
  return `${toClickHouseFunction(expr.name) ?? expr.name}(${args.join(', ')})`
}

/** A type as ClickHouse writes it, as Proton's: `DateTime64(3, 'UTC')` → `datetime64(3, 'UTC')`. */
export function fromClickHouseType(text: string): TypeNode {
  return toProtonType(parseType(text))
}

function toProtonType(type: TypeNode): TypeNode {
  const args = type.args.map((arg): TypeArg => {
    if (arg.kind === 'type') return { kind: 'type', type: toProtonType(arg.type) }
    if (arg.kind === 'named') return { kind: 'named', name: arg.name, type: toProtonType(arg.type) }
    return arg.kind === 'function' ? { kind: 'function', expr: protonAggregate(arg.expr) } : arg
  })
  return { name: fromClickHouse.get(type.name) ?? type.name, args }
}

function protonAggregate(expr: Expr): Expr {
  if (expr.kind === 'column')
    return { kind: 'column', path: [toProtonFunction(expr.path[0]!) ?? expr.path[0]!] }
  if (expr.kind !== 'call') return expr
  return { ...expr, name: toProtonFunction(expr.name) ?? expr.name }
}

// ------------------------------------------------------------------ settings

const settings = new Map(
  rows(SETTING_TABLE).map(([name = '', clickHouse = '', flags = '']) => [name, { clickHouse, flags }]),
)

/** ClickHouse's name of a query setting; undefined where it has none. */
export function toClickHouseSetting(name: string): string | undefined {
  const found = settings.get(name)
  if (!found || found.clickHouse === '') return undefined
  return found.clickHouse === '=' ? name : found.clickHouse
}

/** Query settings of every edition, sorted. */
export function settingNames(): string[] {
  return [...settings.keys()].sort()
}

/** True for a query setting of any edition. */
export function isKnownSetting(name: string): boolean {
  return settings.has(name)
}

/** True for a query setting that Proton 1.6 knows; false for those of 3.x; undefined for names that nobody knows. */
export function settingIn16(name: string): boolean | undefined {
  return settings.get(name)?.flags.includes('6')
}
