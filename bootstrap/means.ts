import {
  type AccessStatement,
  type AlterAction,
  type Edition,
  printStatement,
  type Statement,
} from '../dialect/index.js'
import { alteringAccess, changingGrants, isGrant } from './access.js'
import { collectionAlterations, streamAlterations, viewSettingAlterations } from './alter.js'
import { traitsOf } from './kinds.js'
import type { CompiledObject, DeployedKind, How, Risk } from './model.js'
import { canReplace, createOrReplace } from './statements.js'

/** How an edition turns what is there of an object into what is wanted. */
export interface Means {
  how: How
  risk: Risk
  /** What changes, or what comes with it. */
  remark?: string
  /** To be run on the object as it is; without them it is dropped and created anew. An empty list: nothing differs. */
  statements?: string[]
}

/**
 * @param before what is there, as far as it is known
 */
export function meansOf(
  object: CompiledObject,
  before: Statement | undefined,
  edition: Edition,
  database: string,
): Means {
  const { statement, kind } = object
  if (canReplace(statement))
    return {
      how: 'in_place',
      risk: 'safe',
      statements: [createOrReplace(statement, edition)],
      ...(RUNS_ON[kind] ? { remark: RUNS_ON[kind] } : {}),
    }
  switch (statement.kind) {
    case 'access':
      return accessMeans(statement, before, database)
    case 'create_stream': {
      if (before?.kind !== 'create_stream') return anew(object, 'its rows are lost')
      return altering(
        streamAlterations(before, statement, database),
        object,
        'which cannot be altered; its rows are lost',
      )
    }
    case 'create_materialized_view': {
      const alterations =
        before?.kind === 'create_materialized_view' && CAN_ALTER_VIEWS.has(edition)
          ? viewSettingAlterations(before, statement, database)
          : undefined
      return alterations
        ? altering(alterations, object, '')
        : anew(object, 'it is dropped and created anew, and starts over')
    }
    case 'create_named_collection': {
      if (before?.kind !== 'create_named_collection') return anew(object)
      const changes = collectionAlterations(before, statement)
      if ('obstacle' in changes) return { ...anew(object), remark: changes.obstacle }
      return {
        how: 'alter',
        risk: 'safe',
        statements: collectionStatements(statement, changes),
        remark:
          'streams that use it go on with the old values until they are made anew or the engine restarts',
      }
    }
    case 'create_external_stream':
    case 'create_external_table':
    case 'create_random_stream':
      return anew(object, 'it stores nothing itself')
    case 'create_alert':
      return anew(object, 'it starts over, with the events that come then')
    default:
      return anew(object, 'it is dropped and created anew')
  }
}

/** Rights change in place: nobody is without them, and no row is shown to somebody else, in between. */
function accessMeans(statement: AccessStatement, before: Statement | undefined, database: string): Means {
  if (!isGrant(statement)) return { how: 'in_place', risk: 'safe', statements: alteringAccess(statement) }
  const granted = before?.kind === 'access' ? before.text : ''
  return { how: 'in_place', risk: 'safe', statements: changingGrants(granted, statement.text, database) }
}

/** Editions with ALTER VIEW … MODIFY QUERY SETTING. */
const CAN_ALTER_VIEWS: ReadonlySet<Edition> = new Set(['embedded', 'oss-3', 'enterprise'])

/** What goes on unchanged for a while although a definition was replaced. */
const RUNS_ON: Partial<Record<DeployedKind, string>> = {
  function: 'views keep the old code until they restart',
  format_schema: 'views keep the old schema until they restart',
}

function altering(
  alterations: ReturnType<typeof streamAlterations>,
  object: CompiledObject,
  otherwise: string,
): Means {
  if ('obstacle' in alterations) return anew(object, `${alterations.obstacle}, ${otherwise}`)
  return { how: 'alter', risk: 'safe', remark: alterations.summary, statements: alterations.statements }
}

function anew(object: CompiledObject, remark?: string): Means {
  const risk = riskOfDrop(object.kind, object)
  return { how: risk === 'destructive' ? 'destructive' : 'replacement', risk, ...(remark ? { remark } : {}) }
}

/** What is lost when an object of this kind is dropped. A materialized view with INTO keeps its rows in the target. */
export function riskOfDrop(kind: DeployedKind, object?: CompiledObject): Risk {
  const { holds } = traitsOf(kind)
  if (kind === 'materialized_view') {
    const into = object?.statement.kind === 'create_materialized_view' && object.statement.into !== undefined
    return into ? 'rebuilds' : 'destructive'
  }
  return holds === 'rows' ? 'destructive' : holds === 'state' ? 'rebuilds' : 'safe'
}

function collectionStatements(
  { name, entries }: Extract<Statement, { kind: 'create_named_collection' }>,
  { set, remove }: { set: string[]; remove: string[] },
): string[] {
  const values = entries
    .filter((entry) => set.includes(entry.name))
    .map(({ name, value }) => ({ name, value }))
  const actions: AlterAction[] = [{ kind: 'set_keys', entries: values }]
  if (remove.length > 0) actions.push({ kind: 'delete_keys', names: remove })
  return [printStatement({ kind: 'alter', object: 'named_collection', name, actions })]
}
