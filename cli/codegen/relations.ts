import type { CompiledObject } from '../../bootstrap/model.js'
import { parseType, type TypeNode } from '../../dialect/index.js'
import { openEmbeddedBench } from '../sqltest/embedded_bench.js'
import { ProjectCache } from '../sqltest/project_cache.js'
import { newStage } from '../sqltest/run.js'
import { Site } from '../sqltest/site.js'
import { startStubServer } from '../sqltest/stub_server.js'

/** A stream or view with the columns that an engine says it has. */
export interface TypedRelation {
  name: string
  kind: CompiledObject['kind']
  columns: { name: string; type: TypeNode; comment: string }[]
  /** Rows can be inserted; columns with a default may be left out then. */
  insertable: boolean
  optional: ReadonlySet<string>
}

/** Creates the project on an engine of this process and asks it what came out. */
export async function typedRelations(projectDir: string, signal: AbortSignal): Promise<TypedRelation[]> {
  const bench = await openEmbeddedBench()
  const stubs = await startStubServer()
  try {
    const tested = await new ProjectCache(projectDir, bench, undefined).with({})
    const { functions } = newStage(bench, stubs)
    const setting = { ...tested, bench, stubs, functions, file: projectDir, slot: '0', number: 1, signal }
    const site = new Site(setting, tested.deployment.objects)
    await site.deploy()
    const relations: TypedRelation[] = []
    for (const object of tested.deployment.objects)
      if (object.kind !== 'function' && object.kind !== 'materialized_view')
        relations.push(await typed(site, object))
    await site.release()
    return relations.sort((a, b) => a.name.localeCompare(b.name))
  } finally {
    await stubs.close()
    await bench.close()
  }
}

async function typed(site: Site, { name, kind, statement }: CompiledObject): Promise<TypedRelation> {
  const rows = await site.setting.bench.client.rows<{ name: string; type: string }>(`DESCRIBE \`${name}\``, {
    database: site.namespace.database,
  })
  const declared =
    statement.kind === 'create_stream' || statement.kind === 'create_external_stream' ? statement.columns : []
  const comments = new Map(declared.map((column) => [column.name, column.comment ?? '']))
  const defaults = declared.filter((column) => column.default).map((column) => column.name)
  return {
    name,
    kind,
    columns: rows.map((row) => ({
      name: row.name,
      type: parseType(row.type),
      comment: comments.get(row.name) ?? '',
    })),
    insertable: kind === 'stream' || kind === 'external_stream',
    optional: new Set([
      ...defaults,
      ...rows.map((row) => row.name).filter((column) => column.startsWith('_tp_')),
    ]),
  }
}
