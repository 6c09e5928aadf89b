/**
 * What the changed query of a view takes over from the old one: how far its sources are read, and the state.
 * It goes on at the row where the old one stopped, or it is refused.
 */
import type { Query, Select } from '../../dialect/ast.js'
import { printQuery } from '../../dialect/index.js'
import { EngineError } from '../errors.js'
import { type Batch, type Operator, type SavedState, walk } from './operator.js'
import type { StateTable } from './pipe.js'
import { Scan } from './scan.js'

/** A view's query as it is run. */
export interface Layout {
  /** With its views expanded. */
  query: Query
  root: Operator
  scans: Scan[]
  tables: StateTable[]
}

/** The rows of one table as the rows of another. */
export interface TableCopy {
  from: string
  to: string
  /** Of the new table. */
  definition: string
  /** By the new table's column, the old one's; undefined: it begins empty. Columns that are missing keep their name. */
  renamed: Map<string, string | undefined>
}

export interface Succession {
  copies: TableCopy[]
  /** The old states as the new operators' states. */
  states(old: SavedState): SavedState
  /** The old batch, as far as its scans go on. */
  batch(old: Batch): Batch
  stateful: boolean
}

/** Throws 48 where the new query could not go on with what the old one has. */
export function succession(old: Layout, next: Layout): Succession {
  const before = walk(old.root)
  const after = walk(next.root)
  const operators = new Map<Operator, Operator>()
  const scans = pairedScans(old.scans, next.scans)
  for (const [from, to] of scans) operators.set(to, from)
  const keepers = [before, after].map((all) => all.filter((o) => o.save && !(o instanceof Scan)))
  const [oldKeepers = [], newKeepers = []] = keepers
  const oldTables = old.tables.filter((table) => !table.derived)
  const newTables = next.tables.filter((table) => !table.derived)
  const stateful = [oldKeepers, newKeepers, oldTables, newTables].some((list) => list.length > 0)
  if (stateful) {
    if (sourceText(old.query) !== sourceText(next.query)) {
      throw refused(
        'what it reads, or how its rows are joined, cut into windows or made distinct, is another',
      )
    }
    const kinds = (list: Operator[]) => list.map((operator) => operator.constructor.name).join()
    if (kinds(oldKeepers) !== kinds(newKeepers)) throw refused('it keeps state of another kind')
    newKeepers.forEach((operator, i) => {
      operators.set(operator, oldKeepers[i]!)
    })
  }
  return {
    stateful,
    copies: stateful ? copies(oldTables, newTables) : [],
    states: (states) =>
      Object.fromEntries(
        after.map((operator, i) => {
          const from = operators.get(operator)
          return [String(i), (from ? states[String(before.indexOf(from))] : operator.save?.()) ?? {}]
        }),
      ),
    batch: ({ ranges, ...rest }) => ({
      ...rest,
      ranges: Object.fromEntries(
        scans.flatMap(([from, to]) => {
          const range = ranges[from.id]
          return range ? [[to.id, range]] : []
        }),
      ),
    }),
  }
}

/** Scans of the same stream, in order. */
function pairedScans(old: Scan[], next: Scan[]): [from: Scan, to: Scan][] {
  const left = [...old]
  return next.flatMap((scan): [Scan, Scan][] => {
    const at = left.findIndex((candidate) => sourceOf(candidate) === sourceOf(scan))
    return at < 0 ? [] : [[left.splice(at, 1)[0]!, scan]]
  })
}

function sourceOf(scan: Scan): string {
  return scan.options.inbox ? `outside ${scan.label}` : `stream ${scan.stream.id}`
}

/** The parts of a query that decide what its state is about; what is made of the state may change. */
function sourceText(query: Query): string {
  if (query.kind === 'union') return printQuery({ ...query, settings: undefined })
  const { with: items, from, partitionBy, distinct, limitBy, columns } = query
  const source: Select = {
    kind: 'select',
    with: items.filter((item) => item.kind === 'cte'),
    columns: distinct ? columns : [{ kind: 'literal', type: 'number', text: '1' }],
    ...(from ? { from } : {}),
    ...(distinct ? { distinct } : {}),
    ...(partitionBy ? { partitionBy } : {}),
    ...(limitBy ? { limitBy } : {}),
  }
  return printQuery(source)
}

function copies(old: StateTable[], next: StateTable[]): TableCopy[] {
  if (old.length !== next.length) throw refused('it keeps more or less state than before')
  return next.map((to, i) => {
    const from = old[i]!
    const names = { from: from.suffix, to: to.suffix, definition: to.definition }
    if (from.meaning && to.meaning) return { ...names, renamed: byMeaning(from.meaning, to.meaning) }
    if (from.definition !== to.definition) throw refused('its state has other columns')
    return { ...names, renamed: new Map() }
  })
}

/** Aggregates may be added; keys stay, and no aggregate goes. */
function byMeaning(
  from: Record<string, string>,
  to: Record<string, string>,
): Map<string, string | undefined> {
  const known = new Map(Object.entries(from).map(([name, text]) => [text, name]))
  const isKey = (name: string) => name.startsWith('_k')
  const renamed = new Map<string, string | undefined>()
  for (const [name, text] of Object.entries(to)) {
    const source = known.get(text)
    if (source === undefined && isKey(name)) throw refused('it groups by something else')
    known.delete(text)
    renamed.set(name, source)
  }
  for (const name of known.values()) {
    throw refused(
      isKey(name)
        ? 'it groups by something else'
        : 'an aggregate of the old query is missing (keep it, under a name that the target does not have)',
    )
  }
  return renamed
}

function refused(reason: string): EngineError {
  return new EngineError(
    'NOT_IMPLEMENTED',
    `The new query cannot take over the state of the old one: ${reason}. Create a view with the new query beside this one, or drop this view and create it again`,
  )
}
