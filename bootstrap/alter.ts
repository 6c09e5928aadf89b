import {
  type AlterAction,
  type ColumnDef,
  type CreateMaterializedView,
  type CreateNamedCollection,
  type CreateStream,
  type IndexDef,
  printStatement,
  type Setting,
  type TtlItem,
} from '../dialect/index.js'
import { normalized, valueText } from './normal_form.js'

/** Settings of a stream that every engine changes in place. */
const ALTERABLE = new Set([
  'logstore_retention_bytes',
  'logstore_retention_ms',
  'logstore_codec',
  'logstore_flush_messages',
  'logstore_flush_ms',
  'flush_threshold_ms',
  'flush_threshold_count',
  'flush_threshold_bytes',
])
/** Those of a mutable stream. */
const ALTERABLE_MUTABLE = new Set(['log_kvstore', 'kvstore_options'])

/** Statements that turn one definition into another, or why there are none. */
export type Alterations = { statements: string[]; summary: string } | { obstacle: string }

interface Step {
  action: AlterAction
  summary: string
}

/**
 * How a stream gets from one definition to another and keeps its rows: columns and indexes can be added, indexes
 * dropped, the TTL and some settings changed. Anything else is an obstacle, named in words.
 */
export function streamAlterations(given: CreateStream, wanted: CreateStream, database: string): Alterations {
  const before = normalized(given, database) as CreateStream
  const after = normalized(wanted, database) as CreateStream
  if (fixedPart(before) !== fixedPart(after)) return { obstacle: 'its key, mode or layout changed' }
  const columns = columnSteps(before.columns, after.columns)
  if (typeof columns === 'string') return { obstacle: columns }
  const alterable = (name: string) => ALTERABLE.has(name) || (after.mutable && ALTERABLE_MUTABLE.has(name))
  const settings = settingSteps(before.settings, after.settings, 'setting', alterable)
  if (typeof settings === 'string') return { obstacle: settings }
  const steps = [
    ...columns,
    ...indexSteps(before.indexes, after.indexes),
    ...ttlSteps(before.ttl, after.ttl),
    ...settings,
  ]
  return altered('stream', wanted.name, steps)
}

/** Only the settings of a view's query differ: they change without its state. */
export function viewSettingAlterations(
  given: CreateMaterializedView,
  wanted: CreateMaterializedView,
  database: string,
): Alterations | undefined {
  const before = normalized(given, database) as CreateMaterializedView
  const after = normalized(wanted, database) as CreateMaterializedView
  if (withoutSettings(before) !== withoutSettings(after)) return undefined
  const steps = settingSteps(
    before.query.settings ?? [],
    after.query.settings ?? [],
    'query_setting',
    () => true,
  )
  return typeof steps === 'string' || steps.length === 0 ? undefined : altered('view', wanted.name, steps)
}

function withoutSettings(view: CreateMaterializedView): string {
  return printStatement({ ...view, query: { ...view.query, settings: undefined } })
}

/** A collection's keys are set and deleted one by one; whether they may be overridden is said at creation only. */
export function collectionAlterations(
  before: CreateNamedCollection,
  after: CreateNamedCollection,
): { set: string[]; remove: string[] } | { obstacle: string } {
  const old = new Map(before.entries.map((entry) => [entry.name, entry]))
  const now = new Map(after.entries.map((entry) => [entry.name, entry]))
  const flagged = after.entries.find(({ name, overridable }) => {
    const previous = old.get(name)
    return previous ? previous.overridable !== overridable : overridable !== undefined
  })
  if (flagged) return { obstacle: `whether ${flagged.name} may be overridden changed` }
  return {
    // Values are secrets mostly, and hidden in what was written down: all are set anew.
    set: after.entries.map(({ name }) => name),
    remove: [...old.keys()].filter((name) => !now.has(name)),
  }
}

function altered(object: 'stream' | 'view', name: CreateStream['name'], steps: Step[]): Alterations {
  return {
    statements: steps.map(({ action }) => printStatement({ kind: 'alter', object, name, actions: [action] })),
    summary: steps.map(({ summary }) => summary).join(', '),
  }
}

/** Everything that cannot change, as one text. */
function fixedPart(stream: CreateStream): string {
  return printStatement({ ...stream, columns: [], indexes: [], settings: [], ttl: undefined })
}

function columnSteps(before: ColumnDef[], after: ColumnDef[]): Step[] | string {
  const old = new Map(before.map((column) => [column.name, column]))
  const now = new Set(after.map(({ name }) => name))
  const removed = before.find(({ name }) => !now.has(name))
  if (removed) return `column ${removed.name} was taken away`
  const changed = after.find((column) => {
    const previous = old.get(column.name)
    return previous && meaning(previous) !== meaning(column)
  })
  if (changed) return `column ${changed.name} changed`
  return after
    .filter(({ name }) => !old.has(name))
    .map((column) => ({
      action: { kind: 'add_column', column, ifNotExists: true },
      summary: `adds column ${column.name}`,
    }))
}

function indexSteps(before: IndexDef[], after: IndexDef[]): Step[] {
  const old = new Map(before.map((index) => [index.name, meaning(index)]))
  const now = new Map(after.map((index) => [index.name, meaning(index)]))
  const dropped = [...old.keys()].filter((name) => now.get(name) !== old.get(name))
  const added = after.filter(({ name }) => now.get(name) !== old.get(name))
  return [
    ...dropped.map(
      (name): Step => ({ action: { kind: 'drop_index', name }, summary: `drops index ${name}` }),
    ),
    ...added.map(
      (index): Step => ({
        action: { kind: 'add_index', index, ifNotExists: true },
        summary: `adds index ${index.name}`,
      }),
    ),
  ]
}

function ttlSteps(before: TtlItem[] = [], after: TtlItem[] = []): Step[] {
  if (meaning(before) === meaning(after)) return []
  return after.length === 0
    ? [{ action: { kind: 'remove_ttl' }, summary: 'takes its TTL away' }]
    : [{ action: { kind: 'modify_ttl', ttl: after }, summary: 'changes its TTL' }]
}

function settingSteps(
  before: Setting[],
  after: Setting[],
  what: 'setting' | 'query_setting',
  alterable: (name: string) => boolean,
): Step[] | string {
  const valueIn = (settings: Setting[], name: string) => {
    const found = settings.find((setting) => setting.name === name)
    return found && valueText(found.value)
  }
  const names = [...new Set([...before, ...after].map(({ name }) => name))]
  const changed = names.filter((name) => valueIn(before, name) !== valueIn(after, name))
  const fixed = changed.find((name) => !alterable(name))
  if (fixed) return `its setting ${fixed} changed`
  const set = after.filter(({ name }) => changed.includes(name)).map(plainSetting)
  const reset = changed.filter((name) => valueIn(after, name) === undefined)
  const steps: Step[] = []
  if (set.length > 0)
    steps.push({
      action: { kind: `modify_${what}`, settings: set },
      summary: `changes ${set.map(({ name }) => name).join(', ')}`,
    })
  if (reset.length > 0)
    steps.push({
      action: { kind: `reset_${what}`, names: reset },
      summary: `resets ${reset.join(', ')}`,
    })
  return steps
}

/** Numbers and truth values without the quotes that their normal form has. */
function plainSetting({ name, value }: Setting): Setting {
  const text = valueText(value)
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return { name, value: { kind: 'literal', type: 'number', text } }
  if (text === 'true' || text === 'false')
    return { name, value: { kind: 'literal', type: 'bool', value: text === 'true' } }
  return { name, value }
}

/** Trees that differ only in where they stood in their sources, and how they were spelled, are equal. */
function meaning(node: unknown): string {
  return JSON.stringify(node, (key, value) => (key === 'span' || key === 'inWords' ? undefined : value))
}
