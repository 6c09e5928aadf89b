import {
  dependencies,
  functionsUsed,
  type QualifiedName,
  type Span,
  type Statement,
  visit,
} from '../dialect/index.js'
import { namedPrincipals } from './access.js'
import { type ObjectKey, objectKey } from './kinds.js'

export interface NeededRelation extends QualifiedName {
  /** Where the statement names it, if that is known. */
  span?: Span
  /** In `x IN name` the name may be a column as well: only the engine can tell. */
  maybeColumn: boolean
}

/** What a CREATE statement names that must exist before it: relations, and functions, built-in ones included. */
export interface Needs {
  relations: NeededRelation[]
  functions: string[]
  /** Format schemas, named collections, users and roles. These may also be made by somebody else. */
  others: ObjectKey[]
}

/** Everything by its key. */
export function neededKeys({ relations, functions, others }: Needs): ObjectKey[] {
  return [
    ...relations.map(({ name }) => name),
    ...functions.map((name) => objectKey('function', name)),
    ...others,
  ]
}

export function needsOf(statement: Statement): Needs {
  const tables: QualifiedName[] = []
  const listed: string[] = []
  visit(statement, {
    table: (node) => {
      if (node.kind === 'table') tables.push({ ...node.name, span: node.name.span ?? node.span })
    },
    expr: (node) => {
      if (node.kind === 'in' && node.list.kind === 'column') listed.push(node.list.path.join('.'))
    },
  })
  const target = 'into' in statement && statement.into && 'name' in statement.into ? [statement.into] : []
  const relations = dependencies(statement).map((needed) => {
    const same = ({ database, name }: QualifiedName) => database === needed.database && name === needed.name
    const span = ([...tables, ...target] as QualifiedName[]).find(same)?.span
    const text = needed.database === undefined ? needed.name : `${needed.database}.${needed.name}`
    return { ...needed, span, maybeColumn: span === undefined && listed.includes(text) }
  })
  const others = statement.kind === 'access' ? namedPrincipals(statement) : namedInSettings(statement)
  return { relations, functions: functionsUsed(statement), others }
}

/** `format_schema = 'name:Message'` and `named_collection = 'name'`. */
function namedInSettings(statement: Statement): ObjectKey[] {
  if (statement.kind !== 'create_external_stream' && statement.kind !== 'create_external_table') return []
  return statement.settings.flatMap(({ name, value }) => {
    if (value.kind !== 'literal' || value.type !== 'string') return []
    if (name === 'format_schema') return [objectKey('format_schema', value.value.replace(/:.*$/s, ''))]
    return name === 'named_collection' ? [objectKey('named_collection', value.value)] : []
  })
}
