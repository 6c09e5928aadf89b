import { type CreateMaterializedView, dependencies } from '../../dialect/index.js'
import { dependents } from '../graph.js'
import { riskOfDrop } from '../means.js'
import type { CompiledObject, Deployment, Live, ObjectKey } from '../model.js'
import { valueText } from '../normal_form.js'
import type { Verdict } from '../plan/verdict.js'
import { canReplace, createOrReplace, statementText } from '../statements.js'
import { type Abilities, abilitiesOf } from './abilities.js'
import { type Choice, chooseWay } from './choose.js'
import { fromBeginning, withNames } from './next_version.js'
import { isAbout, isOpen, nextName, wasName } from './note.js'
import { isKeyedStream, type QueryState, type Scan } from './query_state.js'
import type { Member, RebuildTask } from './task.js'
import { World } from './world.js'

type Verdicts = Map<ObjectKey, Verdict>
type ViewObject = CompiledObject & { statement: CreateMaterializedView }

export interface CarriedOver {
  /** Objects that are dealt with: they take nothing along, and nothing takes them along. */
  settled: ReadonlySet<ObjectKey>
  task?: RebuildTask
  /** Sources that each materialized view reads row by row. */
  scans: ReadonlyMap<ObjectKey, Scan[]>
}

/**
 * Decides how views and streams get their new definitions without losing or doubling a row, as far as the edition
 * can, and what has to follow them. Changes the verdicts. Pure.
 */
export function carryOver(deployment: Deployment, live: Live, verdicts: Verdicts): CarriedOver {
  return new Carrier(deployment, live, verdicts).run()
}

class Carrier {
  readonly #can: Abilities
  readonly #world: World
  readonly #graph: ReadonlyMap<ObjectKey, readonly ObjectKey[]>
  readonly #settled = new Set<ObjectKey>()
  /** Plain views that mean something else from now on. */
  readonly #redefined = new Set<string>()
  /** Sources that are dropped and made anew. */
  readonly #moved = new Set<string>()
  /** Those among them in which an old place means nothing. */
  readonly #elsewhere = new Set<string>()
  /** Streams whose rows are copied into a new one. */
  readonly #copied = new Set<string>()
  /** Streams and views whose rows are computed anew. */
  readonly #recomputed = new Set<string>()
  readonly #choices = new Map<ObjectKey, Choice>()

  constructor(
    readonly deployment: Deployment,
    readonly live: Live,
    readonly verdicts: Verdicts,
  ) {
    this.#can = abilitiesOf(deployment.edition)
    this.#world = new World(deployment, live)
    this.#graph = new Map(deployment.objects.map(({ key, dependsOn }) => [key, dependsOn]))
  }

  run(): CarriedOver {
    for (const object of this.deployment.objects) this.#relation(object)
    // What one view takes along may take along others: until nothing is added.
    for (let before = -1; before !== this.#recomputed.size; ) {
      before = this.#recomputed.size
      for (const view of this.#views()) this.#view(view)
    }
    for (const view of this.#views()) this.#decide(view)
    const task = this.#task()
    for (const view of this.#views()) if (this.#choices.has(view.key)) this.#follow(view)
    const scans = this.deployment.objects.flatMap(({ key, statement }): [ObjectKey, Scan[]][] =>
      statement.kind === 'create_materialized_view' ? [[key, this.#world.stateAfter(statement).scans]] : [],
    )
    return { settled: this.#settled, scans: new Map(scans), ...(task ? { task } : {}) }
  }

  /** Materialized views that are there and stay materialized views. */
  #views(): ViewObject[] {
    return this.deployment.objects.filter(
      (object): object is ViewObject =>
        object.statement.kind === 'create_materialized_view' &&
        this.live.objects.get(object.key)?.kind === 'materialized_view',
    )
  }

  #relation(object: CompiledObject): void {
    const { key, name, kind, statement } = object
    const verdict = this.verdicts.get(key)!
    if (verdict.action !== 'replace' || kind === 'materialized_view') return
    if (kind === 'view' && verdict.statements) {
      if (this.#can.replacesViewsAtOnce) this.#redefine(object)
      else this.#redefined.add(name)
    } else if (this.#canCopy(object)) {
      this.#copied.add(name)
      this.#settled.add(key)
      this.verdicts.set(key, {
        ...verdict,
        how: 'replacement',
        risk: 'safe',
        reason: withoutLosses(verdict.reason),
        strategy: { name: 'copy', reason: 'a new stream takes over its rows, its readers and its name' },
      })
    } else if (statement.kind !== 'create_view' && !verdict.statements) {
      this.#moved.add(name)
      if (!this.#isSameTopic(key)) this.#elsewhere.add(name)
      if (this.#canMoveAside(object))
        this.verdicts.set(key, {
          ...verdict,
          how: 'replacement',
          risk: 'safe',
          reason: withoutLosses(verdict.reason),
          strategy: {
            name: 'copy',
            reason: 'its rows are moved aside and copied back; its name is missing for a moment',
          },
        })
    }
  }

  /** Offsets are places in one topic of one cluster. */
  #isSameTopic(key: ObjectKey): boolean {
    const [before, after] = [this.#world.before(key), this.#world.after(key)]
    if (before?.kind !== 'create_external_stream' || after?.kind !== 'create_external_stream') return false
    return ['type', 'brokers', 'topic'].every((name) => {
      const [old, now] = [before, after].map(
        ({ settings }) => settings.find((one) => one.name === name)?.value,
      )
      return old && now ? valueText(old) === valueText(now) : old === now
    })
  }

  /** On servers, where names are not exchanged. */
  #canMoveAside({ key, name, statement, replace }: CompiledObject): boolean {
    return (
      !this.#can.exchangesNames &&
      this.#can.renamesStreams &&
      replace !== 'restart' &&
      statement.kind === 'create_stream' &&
      this.#world.before(key)?.kind === 'create_stream' &&
      this.#sharedColumns(key).length > 1 &&
      (!this.live.relations.has(wasName(name)) || isOpen(this.live.asides.get(name)))
    )
  }

  #canCopy({ key, statement, replace }: CompiledObject): boolean {
    const { action, statements } = this.verdicts.get(key)!
    return (
      this.#sharedColumns(key).length > 1 &&
      action === 'replace' &&
      !statements &&
      this.#can.exchangesNames &&
      replace !== 'restart' &&
      statement.kind === 'create_stream' &&
      this.#world.before(key)?.kind === 'create_stream'
    )
  }

  /** Views on a view show what it shows: they are read again with it. */
  #redefine(object: CompiledObject): void {
    this.#settled.add(object.key)
    this.#redefined.add(object.name)
    for (const key of dependents(this.#graph, [object.key])) {
      const other = this.#world.objects.get(key)!
      if (other.kind !== 'view' || !this.live.objects.has(key) || !canReplace(other.statement)) continue
      if (this.verdicts.get(key)!.action !== 'unchanged') continue
      const statements = [createOrReplace(other.statement, this.deployment.edition)]
      const reason = `stands on ${object.name}, which is replaced`
      this.verdicts.set(key, { action: 'replace', how: 'in_place', risk: 'safe', reason, statements })
      this.#settled.add(key)
    }
  }

  #view(object: ViewObject): void {
    const { key, statement } = object
    const verdict = this.verdicts.get(key)!
    if (verdict.action === 'alter' || verdict.record) return
    const state = this.#world.stateAfter(statement)
    const found = this.#world.before(key)
    const before = found?.kind === 'create_materialized_view' ? found : undefined
    const former = before && this.#world.stateBefore(before)
    const used = [...state.scans.map(({ name }) => name), ...state.lookups]
    const isView = (name: string) => this.#world.after(name)?.kind === 'create_view'
    const scanned = state.scans.map(({ name }) => name)
    const below = {
      redefined: used.filter((name) => this.#redefined.has(name)),
      moved: [
        ...used.filter((name) => this.#moved.has(name)),
        ...scanned.filter((name) => this.#copied.has(name)),
        ...(statement.into && this.#moved.has(statement.into.name) ? [statement.into.name] : []),
      ],
      elsewhere: used.filter((name) => this.#elsewhere.has(name)),
      recomputed: [
        ...scanned.filter((name) => this.#recomputed.has(name)),
        ...(this.#recomputed.has(statement.into?.name ?? key) ? [statement.into?.name ?? key] : []),
      ],
    }
    const follows = Object.values(below).some((names) => names.length > 0)
    if (verdict.action !== 'replace' && !follows) return
    const choice = chooseWay({
      object,
      before,
      after: this.#world.after(key) as CreateMaterializedView,
      state: [...(former?.state ?? []), ...state.state],
      enriches: state.enriches || former?.enriches === true,
      below,
      readBy: this.deployment.objects.filter(({ dependsOn }) => dependsOn.includes(key)).map((o) => o.name),
      scans: {
        before: former?.scans.map(({ name }) => name) ?? [],
        after: scanned,
      },
      looksUp: state.lookups.filter((name) => !isView(name)),
      target: this.#targetObstacle(statement),
      keyed: this.#keyObstacle(statement, state.scans),
      kept: this.#wasKept(object),
      can: this.#can,
    })
    this.#choices.set(key, choice)
    if (choice.way !== 'rebuild') return
    this.#recomputed.add(object.name)
    if (statement.into) this.#recomputed.add(statement.into.name)
  }

  #targetObstacle({ into }: CreateMaterializedView): string | undefined {
    if (!into) return undefined
    const target = this.#world.objects.get(into.name)
    if (!target) return `the project does not define ${into.name}, to which it writes`
    return target.kind === 'stream' ? undefined : `what it wrote to ${into.name} cannot be taken back`
  }

  /** Why rows that come again would not take the places of those that are there. */
  #keyObstacle({ into }: CreateMaterializedView, scans: Scan[]): string | undefined {
    if (!into) return 'its rows are its own (no INTO)'
    const target = this.#world.after(into.name)
    if (target?.kind !== 'create_stream' || !isKeyedStream(target)) return `${into.name} has no key`
    if (this.verdicts.get(into.name)?.action === 'replace') return `${into.name} is made anew`
    const fixed = scans.find(({ seekTo }) => seekTo !== undefined && seekTo !== 'earliest')
    if (fixed) return `its SQL says where it begins in ${fixed.name} (seek_to)`
    const reader = this.#views().find(({ statement }) =>
      this.#world.stateAfter(statement).scans.some(({ name }) => name === into.name),
    )
    return reader && `${reader.name} reads the rows of ${into.name} one by one`
  }

  /** The definition that is wanted is the one that was kept when the last rebuild took its name. */
  #wasKept({ key, hash }: CompiledObject): boolean {
    const note = this.live.rebuild
    return (
      note?.phase === 'kept' &&
      note.members.some((member) => member.key === key && member.before === hash && !member.copied)
    )
  }

  #decide(object: ViewObject): void {
    const { key } = object
    const choice = this.#choices.get(key)
    if (!choice) return
    const verdict = this.verdicts.get(key)!
    const reason = verdict.action === 'replace' ? verdict.reason.replace(/; it is dropped .*$/, '') : ''
    const why = reason || `follows what it reads`
    const strategy = { name: choice.way, reason: choice.reason }
    switch (choice.way) {
      case 'modify':
        this.#settled.add(key)
        this.verdicts.set(key, {
          ...verdict,
          action: 'alter',
          how: 'alter',
          risk: 'safe',
          reason: why,
          strategy,
          statements: [
            statementText(
              {
                kind: 'alter',
                object: 'view',
                name: object.statement.name,
                actions: [{ kind: 'modify_query', query: object.statement.query }],
              },
              this.deployment.edition,
            ),
          ],
        })
        return
      case 'handover':
        this.verdicts.set(key, {
          ...withoutStatements(verdict),
          action: 'replace',
          how: 'replacement',
          risk: 'safe',
          reason: why,
          strategy,
        })
        if (this.#copiedSources(object).length > 0) this.#settled.add(key)
        return
      case 'rebuild':
        this.#settled.add(key)
        this.verdicts.set(key, {
          ...withoutStatements(verdict),
          action: 'replace',
          how: 'replacement',
          risk: this.#wasKept(object) ? 'safe' : this.#riskOfRebuild(object),
          reason: why,
          strategy,
        })
        return
      case 'overwrite':
        this.verdicts.set(key, {
          ...withoutStatements(verdict),
          action: 'replace',
          how: 'replacement',
          risk: this.#riskOfRebuild(object),
          reason: why,
          strategy,
        })
        return
      case 'restart': {
        const risk = riskOfDrop(object.kind, object)
        const how = risk === 'destructive' ? 'destructive' : 'replacement'
        this.verdicts.set(key, {
          ...(verdict.action === 'replace' ? verdict : { action: 'replace', how, risk, reason: why }),
          strategy,
        })
      }
    }
  }

  /** Those above tell that this one comes along. */
  #follow(object: ViewObject): void {
    const { scans, lookups } = this.#world.stateAfter(object.statement)
    for (const leader of [...scans.map(({ name }) => name), ...lookups]) {
      const verdict = this.verdicts.get(leader)
      if (!verdict || !this.#settled.has(leader) || verdict.action !== 'replace') continue
      this.verdicts.set(leader, { ...verdict, followedBy: [...(verdict.followedBy ?? []), object.key] })
    }
  }

  #copiedSources({ statement }: ViewObject): string[] {
    const { scans } = this.#world.stateAfter(statement)
    return scans.map(({ name }) => name).filter((name) => this.#copied.has(name))
  }

  /** Sources with a TTL, and topics, may have forgotten rows that the old version still counts. */
  #riskOfRebuild({ statement }: ViewObject): Verdict['risk'] {
    const forgets = this.#world.stateAfter(statement).scans.some(({ name, keyed }) => {
      const source = this.#world.after(name)
      if (keyed || this.#recomputed.has(name)) return false
      return source?.kind !== 'create_stream' || (source.ttl?.length ?? 0) > 0
    })
    return forgets ? 'rebuilds' : 'safe'
  }

  #task(): RebuildTask | undefined {
    const rebuilt = new Set([...this.#choices].filter(([, { way }]) => way === 'rebuild').map(([key]) => key))
    const targets = new Set(
      [...rebuilt].flatMap((key) => {
        const { into } = this.#world.objects.get(key)!.statement as CreateMaterializedView
        return into ? [into.name] : []
      }),
    )
    const outside = this.#views().filter(({ key }) => !rebuilt.has(key))
    const readers = outside.filter((view) => this.#copiedSources(view).length > 0).map(({ key }) => key)
    const below = new Set([...targets, ...rebuilt, ...this.#copied])
    const above = new Set([...rebuilt, ...readers])
    const inside = this.deployment.objects.filter(
      ({ key, kind }) =>
        rebuilt.has(key) ||
        targets.has(key) ||
        this.#copied.has(key) ||
        (kind === 'view' && this.#isBetween(key, below, above)),
    )
    if (inside.length === 0) return undefined
    for (const object of inside) this.#absorb(object)
    const names = new Map(inside.map(({ name }) => [name, nextName(name)]))
    return {
      task: 'rebuild',
      back: this.#isBack(inside),
      members: inside.map((object) => this.#member(object, names, targets)),
      reads: [...new Set(inside.flatMap(({ key }) => this.#namedBefore(key)))],
      writers: outside
        .filter(({ statement }) => statement.into && this.#copied.has(statement.into.name))
        .map(({ name }) => name),
      readers: outside.flatMap((object) => {
        const copied = this.#copiedSources(object)
        const sources = this.#world.stateAfter(object.statement).scans.map(({ name }) => name)
        return copied.length === 0 ? [] : [{ object, copied, sources }]
      }),
    }
  }

  /** A plain view through which something is read that is made anew. */
  #isBetween(key: ObjectKey, below: ReadonlySet<string>, above: ReadonlySet<string>): boolean {
    const standsOn = [...below].some((name) => dependents(this.#graph, [name]).has(key))
    return standsOn && [...dependents(this.#graph, [key])].some((name) => above.has(name))
  }

  /** What else was to be done with it happens to its new version. */
  #absorb({ key, kind }: CompiledObject): void {
    this.#settled.add(key)
    const verdict = this.verdicts.get(key)!
    if (kind === 'materialized_view' || this.#copied.has(key)) return
    const reason =
      verdict.action === 'unchanged' ? 'made beside with the views that write to it' : verdict.reason
    this.verdicts.set(key, {
      ...withoutStatements(verdict),
      action: 'replace',
      how: 'replacement',
      risk: 'safe',
      reason: kind === 'view' ? 'stands between what is made anew' : reason,
      strategy: { name: 'rebuild', reason: 'a new one is filled, and takes its name' },
    })
  }

  #member(object: CompiledObject, names: ReadonlyMap<string, string>, filled: ReadonlySet<string>): Member {
    const { key, statement } = object
    const next = withNames(statement, names)
    const state: QueryState | undefined =
      statement.kind === 'create_materialized_view' ? this.#world.stateAfter(statement) : undefined
    const made =
      next.kind === 'create_materialized_view' && state
        ? { ...next, query: fromBeginning(next.query, state.scans, names) }
        : next
    const copied = this.#copied.has(key) && !filled.has(key)
    return {
      object,
      before: this.live.ledger.get(key)?.sqlHash ?? '',
      copied,
      columns: copied ? this.#sharedColumns(key) : [],
      sql: statementText(made, this.deployment.edition),
    }
  }

  #sharedColumns(key: ObjectKey): string[] {
    const columns = (statement: ReturnType<World['before']>) =>
      statement?.kind === 'create_stream'
        ? statement.columns.filter(({ default: value }) => value?.kind !== 'alias').map(({ name }) => name)
        : []
    const old = new Set(columns(this.#world.before(key)))
    return [
      ...columns(this.#world.after(key)).filter((name) => old.has(name) && name !== '_tp_time'),
      '_tp_time',
    ]
  }

  #namedBefore(key: ObjectKey): string[] {
    const before = this.#world.before(key)
    return before ? dependencies(before).map(({ name }) => name) : []
  }

  #isBack(inside: CompiledObject[]): boolean {
    const note = this.live.rebuild
    if (note?.phase !== 'kept' || note.members.some(({ copied }) => copied)) return false
    const former = note.members.map((member) => ({ ...member, hash: member.before }))
    return isAbout({ ...note, members: former }, inside)
  }
}

/** What was said before it was known that its rows are carried over. */
function withoutLosses(reason: string): string {
  return reason.replace(/; its rows are lost$|, which cannot be altered.*$/, '')
}

function withoutStatements({ statements: _, record: __, ...verdict }: Verdict): Verdict {
  return verdict
}
