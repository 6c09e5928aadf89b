import { UserError } from '../../dialect/index.js'
import { listRelations } from '../live.js'
import { definitionOf, run, type Site, waitFor } from '../site.js'
import { dropStatement } from '../statements.js'
import { type Copy, copyRows, rowsEver } from './copy.js'
import { finish } from './finish.js'
import {
  isAbout,
  isOpen,
  isSwitched,
  nextName,
  type Positions,
  type RebuildNote,
  renaming,
  wasName,
} from './note.js'
import type { Member, Reader, RebuildTask } from './task.js'
import { pause, positionsOf, resume, type ViewState, viewStates } from './views.js'

/** Rows that a new version may be behind when it takes over, if nothing else is said. */
const MAX_LAG = 1_000
/** How long a new version may fail, in ms, until that is an error. */
const PATIENCE_MS = 30_000

/**
 * Makes new versions of views and streams beside the old ones, waits until they have caught up, and gives them the
 * names of the old ones in one step. Until then nothing changes for readers, and what was begun is gone on with or
 * undone.
 */
export async function rebuild(task: RebuildTask, site: Site): Promise<void> {
  const work = new Rebuild(task, site)
  await work.run()
}

class Rebuild {
  #note: RebuildNote

  constructor(
    readonly task: RebuildTask,
    readonly site: Site,
  ) {
    const known = site.ledger.content.rebuild
    const objects = task.members.map(({ object }) => object)
    const goesOn = known && isOpen(known) && isAbout(known, objects)
    this.#note = goesOn ? known : freshNote(task)
  }

  async run(): Promise<void> {
    if (this.#note.phase === 'building') {
      if (this.#note !== this.site.ledger.content.rebuild) await this.#checkNames()
      await this.#save({})
      await this.#make()
      for (const member of this.#copied()) await this.#copy(member)
      await this.#catchUp()
      await this.#save({ phase: 'switching' })
    }
    if (!isSwitched(this.#note, await this.#relations())) await this.#switch()
    await finish(this.site, this.#note, this.task.readers)
  }

  async #save(change: Partial<RebuildNote>): Promise<void> {
    this.#note = { ...this.#note, ...change }
    await this.site.ledger.note(this.#note, this.site.deployment)
  }

  async #relations(): Promise<Set<string>> {
    return new Set((await listRelations(this.site.client, this.site.options.signal)).keys())
  }

  /** Nothing of somebody else's is taken for a new version, or stands where the old one is to go. */
  async #checkNames(): Promise<void> {
    const there = await this.#relations()
    const names = this.task.members.flatMap(({ object: { name } }) =>
      this.#note.back ? [nextName(name)] : [nextName(name), wasName(name)],
    )
    const taken = names.find((name) => there.has(name))
    if (taken !== undefined)
      throw new UserError('REPLACE_NAME_TAKEN', `There is something called ${taken} in the target.`, {
        detail: 'Names that end in __next and __was are used while views and streams are replaced.',
        suggestion: 'Rename or drop it.',
      })
  }

  #copied(): Member[] {
    return this.task.members.filter(({ copied }) => copied)
  }

  async #make(): Promise<void> {
    const there = await this.#relations()
    if (this.#note.back) return this.#bringBack(there)
    for (const { object, sql } of this.task.members) {
      this.site.options.signal?.throwIfAborted()
      if (!there.has(nextName(object.name))) await run(this.site, sql)
    }
  }

  /** The kept versions are new versions again, and read on where they were stopped. */
  async #bringBack(there: ReadonlySet<string>): Promise<void> {
    const names = this.#note.members.map(({ name }) => name).filter((name) => there.has(wasName(name)))
    if (names.length > 0) await run(this.site, renaming(names.map((name) => [wasName(name), nextName(name)])))
    for (const { name, kind } of this.#note.members)
      if (kind === 'materialized_view') await resume(this.site, nextName(name))
  }

  /** Leaves as many rows for the switch as arrive meanwhile. */
  async #copy(member: Member): Promise<void> {
    const { name } = member.object
    await copyRows(this.site, copyOf(member), this.#note.copied[name] ?? 0, async (done, total) => {
      await this.#save({ copied: { ...this.#note.copied, [name]: done } })
      this.site.onEvent({ type: 'progress', name, what: 'rows copied', done, total })
    })
  }

  /** Waits until every new view is nearly as far as its sources. */
  async #catchUp(): Promise<void> {
    const { options, onEvent } = this.site
    const views = this.task.members
      .filter(({ object }) => object.kind === 'materialized_view')
      .map(({ object }) => nextName(object.name))
    const maxLag = options.maxLag ?? MAX_LAG
    const watch = new Failures()
    await waitFor(
      this.site,
      'the new versions to catch up',
      async () => {
        const states = await viewStates(this.site)
        const behind = views.filter((view) => {
          const state = states.get(view)
          if (state) watch.look(state)
          if (state) onEvent({ type: 'progress', name: view, what: 'rows read', ...progressOf(state) })
          return state?.state !== 'running' || state.lag > maxLag
        })
        return behind.length === 0 || undefined
      },
      Number.POSITIVE_INFINITY,
    )
  }

  /** From here on writers of copied streams stand still, until the names are exchanged. */
  async #switch(): Promise<void> {
    const { site } = this
    for (const reader of this.task.readers) await this.#stopReader(reader)
    for (const writer of this.task.writers) await pause(site, writer)
    for (const member of this.#copied()) await this.#copy(member)
    const there = await this.#relations()
    const names = this.#note.members.map(({ name }) => name)
    await run(
      site,
      renaming([
        ...names.filter((name) => there.has(name)).map((name): [string, string] => [name, wasName(name)]),
        ...names.map((name): [string, string] => [nextName(name), name]),
      ]),
    )
  }

  /** A view that has read exactly what is copied goes on behind that in the new stream. */
  async #stopReader({ object, copied }: Reader): Promise<void> {
    const { site } = this
    const view = object.name
    const there = (await this.#relations()).has(view)
    if (!this.#note.readers.some((reader) => reader.view === view)) {
      if (!there) return
      await waitFor(site, `${view} to read what was copied`, () => this.#hasRead(view, copied), 600_000)
      await pause(site, view)
      const old = await positionsOf(site, view, [])
      const next: Positions = { ...old }
      for (const name of copied) {
        const member = this.task.members.find((one) => one.object.name === name)!
        await this.#copyUpTo(member, Number.parseInt(old[name]!, 10))
        // Of all shards together, however many they are.
        next[name] = `${await rowsEver(site, nextName(name))} rows`
      }
      await this.#save({ readers: [...this.#note.readers, { view, old, next }] })
    }
    if (there) await run(site, dropStatement('materialized_view', view))
  }

  async #hasRead(view: string, copied: string[]): Promise<true | undefined> {
    const state = (await viewStates(this.site)).get(view)
    const far = copied.every((name) => {
      const source = state?.sources.find((one) => one.name === name)
      return source !== undefined && source.processed >= (this.#note.copied[name] ?? 0)
    })
    return far || undefined
  }

  async #copyUpTo(member: Member, upTo: number): Promise<void> {
    const { name } = member.object
    const onChunk = (done: number) => this.#save({ copied: { ...this.#note.copied, [name]: done } })
    await copyRows(this.site, copyOf(member), this.#note.copied[name] ?? 0, onChunk, upTo)
  }
}

function freshNote(task: RebuildTask): RebuildNote {
  return {
    what: 'rebuild',
    phase: 'building',
    members: task.members.map(({ object, before, copied }) => {
      const { sqlHash, sql, secretsHash } = definitionOf(object)
      const { key, name, kind } = object
      return { key, name, kind, hash: sqlHash, before, sql, secretsHash, copied }
    }),
    back: task.back,
    standing: [...task.writers, ...task.readers.map(({ object }) => object.name)],
    reads: task.reads,
    copied: {},
    readers: [],
    keptUntil: 0,
  }
}

function copyOf({ object, columns }: Member): Copy {
  return { from: object.name, to: nextName(object.name), columns }
}

function progressOf({ sources }: ViewState): { done: number; total: number } {
  const sum = (field: 'processed' | 'available') => sources.reduce((all, source) => all + source[field], 0)
  return { done: sum('processed'), total: sum('available') }
}

/** A new version that keeps failing will never catch up: better said than waited for. */
class Failures {
  readonly #since = new Map<string, number>()

  look({ name, state, lastError }: ViewState): void {
    if (state !== 'retrying' && state !== 'failed') {
      this.#since.delete(name)
      return
    }
    const since = this.#since.get(name) ?? Date.now()
    this.#since.set(name, since)
    if (Date.now() - since < PATIENCE_MS) return
    throw new UserError(
      'REPLACE_FAILING',
      `The new version ${name} cannot process the rows of its sources.`,
      {
        detail: lastError,
        suggestion: 'The old version goes on. Correct the SQL and run the command again.',
      },
    )
  }
}
