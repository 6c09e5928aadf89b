import type { TypedRelation } from './relations.js'
import { insertType, propertyName, tsType } from './types.js'

/** The module that `tpctl codegen` writes: types of rows, and a client that knows them. */
export function clientModule(project: string, relations: readonly TypedRelation[]): string {
  const names = typeNames(relations.map(({ name }) => name))
  const rows = relations.map((relation) => rowTypes(relation, names.get(relation.name)!))
  const entry = ({ name }: TypedRelation, suffix = '') =>
    `  ${propertyName(name)}: ${names.get(name)}${suffix}`
  const insertable = relations.filter((relation) => relation.insertable)
  return `// Made by \`tpctl codegen\` from the project ${project}: run it again instead of changing this file.
import { ProtonClient, type ProtonClientOptions } from 'tpctl/driver'

${rows.join('\n\n')}

/** Rows of each stream and view. */
export interface Relations {
${relations.map((relation) => entry(relation)).join('\n')}
}

/** What may be inserted into each stream. */
export interface Insertable {
${insertable.map((relation) => entry(relation, 'Insert')).join('\n')}
}

export interface ReadOptions {
  /** SQL condition on the rows; bind values with {name:type} and \`parameters\`. */
  where?: string
  orderBy?: string
  limit?: number
  parameters?: Record<string, string | number | boolean | Date>
  signal?: AbortSignal
}

/** Streams and views of the project by name, with their types. */
export class Client {
  readonly proton: ProtonClient

  constructor(options: ProtonClientOptions = {}) {
    this.proton = new ProtonClient(options)
  }

  /** What is stored now. */
  rows<Name extends keyof Relations>(name: Name, options: ReadOptions = {}): Promise<Relations[Name][]> {
    const { parameters, signal } = options
    return this.proton.rows<Relations[Name]>(queryOf(name, options), { parameters, signal })
  }

  /** Rows as they come, until the signal fires. */
  async *follow<Name extends keyof Relations>(name: Name, options: ReadOptions = {}): AsyncGenerator<Relations[Name]> {
    const { parameters, signal } = options
    const query = await this.proton.query<Relations[Name]>(queryOf(name, options), { mode: 'stream', parameters, signal })
    yield* query.rows
  }

  async insert<Name extends keyof Insertable>(
    name: Name,
    rows: Iterable<Insertable[Name]> | AsyncIterable<Insertable[Name]>,
  ): Promise<{ rows: number }> {
    return this.proton.insert(name, rows as never)
  }

  close(): Promise<void> {
    return this.proton.close()
  }
}

function queryOf(name: string, { where, orderBy, limit }: ReadOptions): string {
  return [
    \`SELECT * FROM \\\`\${name}\\\`\`,
    where && \`WHERE \${where}\`,
    orderBy && \`ORDER BY \${orderBy}\`,
    limit !== undefined && \`LIMIT \${limit}\`,
  ]
    .filter(Boolean)
    .join(' ')
}
`
}

function rowTypes({ columns, insertable, optional }: TypedRelation, name: string): string {
  const row = [
    `export interface ${name} {`,
    ...columns.flatMap(({ name: column, type, comment }) => [
      ...(comment === '' ? [] : [`  /** ${comment.replaceAll('*/', '* /')} */`]),
      `  ${propertyName(column)}: ${tsType(type)}`,
    ]),
    '}',
  ]
  if (!insertable) return row.join('\n')
  const insert = columns.map(
    ({ name: column, type }) =>
      `  ${propertyName(column)}${optional.has(column) ? '?' : ''}: ${insertType(type)}`,
  )
  return [...row, '', `export interface ${name}Insert {`, ...insert, '}'].join('\n')
}

/** `trending_signals` → `TrendingSignals`; names that would be the same get a number. */
function typeNames(names: readonly string[]): Map<string, string> {
  const taken = new Set(['Relations', 'Insertable', 'Client', 'ReadOptions'])
  return new Map(
    names.map((name) => {
      const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
      const plain = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
      const base = /^[A-Za-z]/.test(plain) ? plain : `Relation${plain}`
      let chosen = base
      for (let n = 2; taken.has(chosen) || taken.has(`${chosen}Insert`); n++) chosen = `${base}${n}`
      taken.add(chosen)
      taken.add(`${chosen}Insert`)
      return [name, chosen]
    }),
  )
}
