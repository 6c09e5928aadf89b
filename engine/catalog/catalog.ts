import type { QualifiedName } from '../../dialect/ast.js'
import { quoteString } from '../chdb/pool.js'
import type { Catalog, CatalogObject, Chdb, Dependent, FunctionObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import { STORE_DATABASE } from '../storage/tables.js'
import { relationsOf } from './dependencies.js'
import { decodeObject, encodeObject } from './objects.js'

type Named = Exclude<CatalogObject, FunctionObject>

const TABLE = `${STORE_DATABASE}.catalog`
const DEFAULT_DATABASE = 'default'
/** Proton comes with this database too; as long as it is empty it is not listed. */
export const QUIET_DATABASE = 'neutron'

/** Objects in memory, each change written to the store before it is seen. */
export class StoredCatalog implements Catalog {
  readonly #chdb: Chdb
  readonly #objects = new Map<string, Named>()
  readonly #functions = new Map<string, FunctionObject>()
  readonly #databases = new Set<string>([DEFAULT_DATABASE, QUIET_DATABASE])
  #lastId = 0
  #version = 0

  private constructor(chdb: Chdb) {
    this.#chdb = chdb
  }

  /** Creates the table where it is missing, loads what it holds. `minId`: ids up to it are taken by others. */
  static async open(chdb: Chdb, minId = 0): Promise<StoredCatalog> {
    await chdb.run(`CREATE DATABASE IF NOT EXISTS ${STORE_DATABASE} ENGINE = Atomic`)
    await chdb.run(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (key String, version UInt64, gone UInt8, id UInt64, object String) ENGINE = ReplacingMergeTree(version) ORDER BY key`,
    )
    const catalog = new StoredCatalog(chdb)
    catalog.#lastId = minId
    const rows = await chdb.rows<[string, string, number, string, string]>(
      `SELECT key, toString(version), gone, toString(id), object FROM ${TABLE} FINAL ORDER BY id`,
    )
    for (const [key, version, gone, id, text] of rows) {
      catalog.#version = Math.max(catalog.#version, Number(version))
      catalog.#lastId = Math.max(catalog.#lastId, Number(id))
      if (gone) continue
      if (key.startsWith('database/')) catalog.#databases.add(text)
      else catalog.#admit(decodeObject(text))
    }
    return catalog
  }

  find(name: QualifiedName, database = DEFAULT_DATABASE): Named | undefined {
    return this.#objects.get(`${name.database ?? database}.${name.name}`)
  }

  require(name: QualifiedName, database = DEFAULT_DATABASE): Named {
    const found = this.find(name, database)
    if (!found) {
      throw new EngineError(
        'UNKNOWN_STREAM',
        `Stream ${name.database ?? database}.${name.name} doesn't exist`,
      )
    }
    return found
  }

  function(name: string): FunctionObject | undefined {
    return this.#functions.get(name)
  }

  list(database?: string): Named[] {
    const all = [...this.#objects.values()]
    return database === undefined ? all : all.filter((object) => object.name.database === database)
  }

  functions(): FunctionObject[] {
    return [...this.#functions.values()]
  }

  databases(): string[] {
    return [...this.#databases].sort()
  }

  nextId(): number {
    return ++this.#lastId
  }

  /** An id that something is named by before its object stands in the catalog is not given again after a crash. */
  async reserve(id: number): Promise<void> {
    await this.#write('reserved', true, id, '')
  }

  async put(object: CatalogObject): Promise<void> {
    await this.#write(keyOf(object), false, object.id, encodeObject(object))
    this.#admit(object)
  }

  async remove(object: CatalogObject): Promise<void> {
    await this.#write(keyOf(object), true, object.id, '')
    if (object.kind === 'function') this.#functions.delete(object.name.name)
    else this.#objects.delete(`${object.name.database}.${object.name.name}`)
  }

  /** New names for several objects, all at once also after a crash. */
  async rename(changes: { from: Named; to: Named }[]): Promise<void> {
    const taken = new Set(changes.map(({ to }) => keyOf(to)))
    await this.#writeAll([
      ...changes
        .filter(({ from }) => !taken.has(keyOf(from)))
        .map(({ from }) => ({ key: keyOf(from), gone: true, id: from.id, text: '' })),
      ...changes.map(({ to }) => ({ key: keyOf(to), gone: false, id: to.id, text: encodeObject(to) })),
    ])
    for (const { from } of changes) this.#objects.delete(`${from.name.database}.${from.name.name}`)
    for (const { to } of changes) this.#admit(to)
  }

  /** What names objects of the catalog without standing in it. */
  namedElsewhere: () => (Dependent & { uses: { database: string; name: string }[] })[] = () => []

  dependents(name: QualifiedName): Dependent[] {
    const database = name.database ?? DEFAULT_DATABASE
    const names = (used: { database: string; name: string }) =>
      used.database === database && used.name === name.name
    return [
      ...this.list().filter((object) => relationsOf(object).some(names)),
      ...this.namedElsewhere().filter(({ uses }) => uses.some(names)),
    ]
  }

  async createDatabase(name: string): Promise<void> {
    await this.#write(`database/${name}`, false, 0, name)
    this.#databases.add(name)
  }

  async dropDatabase(name: string): Promise<void> {
    await this.#write(`database/${name}`, true, 0, '')
    this.#databases.delete(name)
  }

  #admit(object: CatalogObject): void {
    if (object.kind === 'function') this.#functions.set(object.name.name, object)
    else this.#objects.set(`${object.name.database}.${object.name.name}`, object)
  }

  async #write(key: string, gone: boolean, id: number, text: string): Promise<void> {
    await this.#writeAll([{ key, gone, id, text }])
  }

  async #writeAll(rows: { key: string; gone: boolean; id: number; text: string }[]): Promise<void> {
    const version = ++this.#version
    const values = rows.map(
      ({ key, gone, id, text }) =>
        `(${quoteString(key)}, ${version}, ${gone ? 1 : 0}, ${id}, ${quoteString(text)})`,
    )
    await this.#chdb.insertSelect({
      table: TABLE,
      columns: ['key', 'version', 'gone', 'id', 'object'],
      select: `SELECT * FROM values('key String, version UInt64, gone UInt8, id UInt64, object String', ${values.join(', ')})`,
    })
  }
}

function keyOf(object: CatalogObject): string {
  return object.kind === 'function'
    ? `function/${object.name.name}`
    : `object/${object.name.database}.${object.name.name}`
}
