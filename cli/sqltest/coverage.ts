import type { CompiledObject, Deployment } from '../../bootstrap/model.js'
import { objectKey } from '../../bootstrap/model.js'
import { needsOf } from '../../bootstrap/needs.js'
import type { Project } from '../../bootstrap/project.js'
import { positionIn } from '../../bootstrap/source_position.js'
import {
  type CreateMaterializedView,
  type CreateStream,
  isAggregateFunction,
  parseType,
  printStatement,
  type Query,
} from '../../dialect/index.js'
import { ProtonError } from '../../driver/index.js'
import { type Branch, type BranchProbe, branchProbes } from './branches.js'
import { createdIn, type Namespace } from './namespace.js'
import { besides, type SiteObserver } from './run.js'
import { PROBE_PREFIX, type Site } from './site.js'

export interface Coverage {
  views: { total: number; tested: number; untested: string[] }
  branches: { total: number; taken: number; missed: { view: string; where: string }[] }
  /** Views whose branches could not be watched, and why. */
  unmeasured: { view: string; reason: string }[]
}

interface ViewRecord {
  /** Where each branch stands. */
  branches: Map<string, string>
  taken: Set<string>
  tested: boolean
  unmeasured?: string
}

/** Proton's code for a materialized view over a bounded query. */
const NOT_STREAMING = 80

/** Finds out which views tests reach, and which ways through CASE, `if` and `multi_if` their rows take. */
export class CoverageRecorder {
  readonly #views = new Map<string, ViewRecord>()

  readonly observe: SiteObserver = async (site) => {
    const { deployment, project } = site.setting
    this.#list(deployment, project)
    const bounded: { view: string; query: Query }[] = []
    for (const object of site.objects) {
      const record = this.#views.get(object.name)
      if (record) await this.#probe(site, object, record, bounded)
    }
    return {
      end: async () => {
        await this.#collect(site)
        for (const { view, query } of bounded) await this.#ask(site, view, { kind: 'query', query })
      },
    }
  }

  report(): Coverage {
    const all = [...this.#views].sort(([a], [b]) => a.localeCompare(b))
    const untested = all.filter(([, { tested }]) => !tested).map(([name]) => name)
    const branches = all.flatMap(([view, { branches, taken }]) =>
      [...branches].map(([id, where]) => ({ view, where, taken: taken.has(id) })),
    )
    const missed = branches.filter(({ taken }) => !taken).map(({ view, where }) => ({ view, where }))
    return {
      views: { total: all.length, tested: all.length - untested.length, untested },
      branches: { total: branches.length, taken: branches.length - missed.length, missed },
      unmeasured: all.flatMap(([view, { unmeasured }]) => (unmeasured ? [{ view, reason: unmeasured }] : [])),
    }
  }

  #list(deployment: Deployment, project: Project): void {
    for (const object of deployment.objects) {
      if (this.#views.has(object.name) || !viewQuery(object)) continue
      const branches = new Map(
        probesOf(object).flatMap((probe) =>
          probe.branches.map((branch) => [branch.id, placeOf(object, branch, project)]),
        ),
      )
      this.#views.set(object.name, { branches, taken: new Set(), tested: false })
    }
  }

  async #probe(
    site: Site,
    object: CompiledObject,
    record: ViewRecord,
    bounded: { view: string; query: Query }[],
  ): Promise<void> {
    const probes = probesOf(object)
    if (probes.length === 0) return
    const { bench, functions, slot, deployment, stubs } = site.setting
    const { database } = site.namespace
    // Remote functions in the probed part are called under other names: their calls are not the test's.
    const namespace: Namespace = {
      ...site.namespace,
      functions: functions.namesIn(besides(slot), deployment),
      stubUrl: (name) => stubs.url(besides(slot), name),
    }
    const into = `${PROBE_PREFIX}${object.name}`
    const exec = (statement: CreateStream | CreateMaterializedView) =>
      bench.client.exec(createdIn(namespace, { ...object, statement }), { database })
    try {
      for (const name of needsOf(object.statement).functions) {
        const called = deployment.objects.find(({ key }) => key === objectKey('function', name))
        if (called) await functions.ensure(besides(slot), called, createdIn(namespace, called), bench.client)
      }
      await exec(takenStream(into))
      for (const [index, { query }] of probes.entries()) {
        try {
          await exec(probeView(`${into}_${index}`, into, query))
        } catch (error) {
          if (!(error instanceof ProtonError && error.code === NOT_STREAMING)) throw error
          bounded.push({ view: object.name, query })
        }
      }
    } catch (error) {
      record.unmeasured = site.failure(error).message
    }
  }

  async #collect(site: Site): Promise<void> {
    const reached = await site.setting.bench.reached(site.namespace.database)
    for (const object of site.objects) {
      const record = this.#views.get(object.name)
      if (!record) continue
      if (object.kind === 'view' || reached === undefined || reached.has(object.name)) record.tested = true
      if (record.branches.size === 0 || record.unmeasured) continue
      const { rows } = await site.ask(
        `SELECT DISTINCT array_join(taken) AS id FROM table(\`${PROBE_PREFIX}${object.name}\`)`,
      )
      for (const { id } of rows) record.taken.add(String(id))
    }
  }

  async #ask(site: Site, view: string, statement: { kind: 'query'; query: Query }): Promise<void> {
    const record = this.#views.get(view)!
    try {
      const { rows } = await site.ask(
        `SELECT DISTINCT array_join(taken) AS id FROM (${printStatement(statement)})`,
      )
      for (const { id } of rows) record.taken.add(String(id))
    } catch (error) {
      record.unmeasured = site.failure(error).message
    }
  }
}

function viewQuery({ statement }: CompiledObject): Query | undefined {
  return statement.kind === 'create_view' || statement.kind === 'create_materialized_view'
    ? statement.query
    : undefined
}

function probesOf(object: CompiledObject): BranchProbe[] {
  const query = viewQuery(object)
  return query ? branchProbes(query, isAggregateFunction) : []
}

function placeOf({ source, name }: CompiledObject, { offset, id }: Branch, project: Project): string {
  const path = source.replace(/:\d+:\d+$/, '')
  const file = project.files.find((one) => one.path === path)
  if (!file || offset === undefined) return `${source} (${name}, branch ${id})`
  return positionIn(path, file.source, file.expansion.sourceOffset(offset)).where
}

function takenStream(name: string): CreateStream {
  return {
    kind: 'create_stream',
    mutable: false,
    name: { name },
    ifNotExists: false,
    orReplace: false,
    columns: [{ name: 'taken', type: parseType('array(string)') }],
    indexes: [],
    families: [],
    settings: [],
  }
}

function probeView(name: string, into: string, query: Query): CreateMaterializedView {
  return {
    kind: 'create_materialized_view',
    name: { name },
    ifNotExists: false,
    orReplace: false,
    into: { name: into },
    storageSettings: [],
    query,
  }
}
