import type { AlterAction, ColumnDef, CreateStream, Setting } from '../dialect/index.js'
import { printStatement } from '../dialect/index.js'

/** Settings of a stream that engines change in place. */
const ALTERABLE = new Set([
  'logstore_retention_bytes',
  'logstore_retention_ms',
  'flush_threshold_ms',
  'flush_threshold_count',
  'flush_threshold_bytes',
])

export type Alterations = { statements: string[]; summary: string } | { obstacle: string }

/**
 * How a stream gets from one definition to another and keeps its rows: columns can be added, the TTL and some
 * settings changed. Anything else is an obstacle, named in words.
 */
export function streamAlterations(before: CreateStream, after: CreateStream): Alterations {
  const obstacle = fixedPart(before) === fixedPart(after) ? undefined : 'its key, mode or layout changed'
  if (obstacle) return { obstacle }
  const columns = addedColumns(before.columns, after.columns)
  if (typeof columns === 'string') return { obstacle: columns }
  const settings = changedSettings(before.settings, after.settings)
  if (typeof settings === 'string') return { obstacle: settings }
  const ttlChanged = JSON.stringify(withoutSpans(before.ttl)) !== JSON.stringify(withoutSpans(after.ttl))
  if (ttlChanged && !after.ttl?.length) return { obstacle: 'its TTL was taken away' }

  const actions: { action: AlterAction; summary: string }[] = columns.map((column) => ({
    action: { kind: 'add_column', column, ifNotExists: true },
    summary: `adds column ${column.name}`,
  }))
  if (ttlChanged)
    actions.push({ action: { kind: 'modify_ttl', ttl: after.ttl! }, summary: 'changes its TTL' })
  if (settings.length > 0)
    actions.push({
      action: { kind: 'modify_setting', settings },
      summary: `changes ${settings.map(({ name }) => name).join(', ')}`,
    })
  return {
    statements: actions.map(({ action }) =>
      printStatement({ kind: 'alter', object: 'stream', name: after.name, actions: [action] }),
    ),
    summary: actions.map(({ summary }) => summary).join(', '),
  }
}

/** Everything that cannot change, as one text. */
function fixedPart(stream: CreateStream): string {
  return printStatement({
    ...stream,
    columns: [],
    settings: [],
    ttl: undefined,
    ifNotExists: false,
    orReplace: false,
    comment: undefined,
  })
}

function addedColumns(before: ColumnDef[], after: ColumnDef[]): ColumnDef[] | string {
  const old = new Map(before.map((column) => [column.name, column]))
  const now = new Set(after.map(({ name }) => name))
  const removed = before.find(({ name }) => !now.has(name))
  if (removed) return `column ${removed.name} was taken away`
  const changed = after.find((column) => {
    const previous = old.get(column.name)
    return previous && columnText(previous) !== columnText(column)
  })
  if (changed) return `column ${changed.name} changed`
  return after.filter(({ name }) => !old.has(name))
}

function columnText({ comment: _, ...column }: ColumnDef): string {
  return JSON.stringify(withoutSpans(column))
}

function changedSettings(before: Setting[], after: Setting[]): Setting[] | string {
  const text = (setting: Setting | undefined) => JSON.stringify(withoutSpans(setting?.value))
  const names = new Set([...before, ...after].map(({ name }) => name))
  const find = (settings: Setting[], name: string) => settings.find((setting) => setting.name === name)
  const changed = [...names].filter((name) => text(find(before, name)) !== text(find(after, name)))
  const fixed = changed.find((name) => !ALTERABLE.has(name) || !find(after, name))
  if (fixed) return `its setting ${fixed} changed`
  return changed.map((name) => find(after, name)!)
}

/** Trees that differ only in where they stood in their sources are equal. */
function withoutSpans(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutSpans)
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => key !== 'span')
      .map(([key, value]) => [key, withoutSpans(value)]),
  )
}
