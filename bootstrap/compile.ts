import type { AccessStatement, QualifiedName, Statement } from '../dialect/index.js'
import { isKnownFunction, SqlSyntaxError, UserError } from '../dialect/index.js'
import { grantObject, grantsByName, isGrant, plainAccess } from './access.js'
import { withBrokerSecurity } from './brokers.js'
import type { Edition } from './config.js'
import { editionsOf, wantedWay } from './directives.js'
import { dependencyOrder, nearestName } from './graph.js'
import { traitsOf } from './kinds.js'
import { lowered } from './lowered.js'
import { type CompiledObject, type Deployment, type ObjectKey, objectKey } from './model.js'
import { needsOf } from './needs.js'
import { isOutside, outsideJob } from './outside.js'
import type { Project, SourceFile } from './project.js'
import type { Way } from './replace/way.js'
import { hideSecrets, secretsHash } from './secrets.js'
import { positionIn } from './source_position.js'
import { deployableObject, parseScript, type ScriptPart, statementHash, statementText } from './statements.js'

/** A statement of the project that creates something, before lowering. */
interface Declared {
  key: ObjectKey
  name: string
  kind: CompiledObject['kind']
  statement: Statement
  /** `file:line:column`, or the file of a function. */
  where: string
  replace?: Way
  /** Finds the place of a name inside the statement. */
  place(name: QualifiedName): { where: string; detail?: string }
}

/**
 * Turns a project into what must be created on an edition, in order. Pure.
 * @throws UserError SQL_SYNTAX, PROJECT_STATEMENT, PROJECT_DUPLICATE, PROJECT_UNKNOWN_NAME, PROJECT_CYCLE,
 *   PROJECT_DIRECTIVE, and what lowering refuses; all with file, line and column
 */
export function compile(project: Project, edition: Edition = project.target.edition): Deployment {
  const declared = [
    ...project.functions.flatMap((rendered) => declareFunction(rendered)),
    ...project.files.filter((file) => editionsOf(file).includes(edition)).flatMap(declareFile),
  ]
  const byKey = uniqueByKey(withGrantsJoined(declared))
  const graph = new Map([...byKey.values()].map((one) => [one.key, resolveNeeds(one, byKey, project)]))
  const ordered = dependencyOrder(graph)
  if ('cycle' in ordered) throw cycleError(ordered.cycle, byKey)
  const compiled = ordered.order.map((key) =>
    compileObject(byKey.get(key)!, graph.get(key)!, edition, project),
  )
  const statements = new Map(compiled.map(({ key, statement }) => [key, statement]))
  return {
    project: project.config.name,
    edition,
    database: project.target.database,
    objects: compiled.filter((object) => !isOutside(object, edition)),
    outside: compiled
      .filter((object) => isOutside(object, edition))
      .map((object) => outsideJob(object, (key) => statements.get(key))),
    topics: project.topics,
    secrets: project.secrets,
    leftOut: project.leftOut.flatMap(({ file }) => declareFile(file).map(({ key }) => key)),
  }
}

function declareFunction(rendered: Project['functions'][number]): Declared[] {
  const place = () => ({ where: rendered.source })
  const statements = parseScript(rendered.sql, rendered.source)
  return created(statements[0]!.statement, rendered.source, place).map((one) => ({
    ...one,
    where: rendered.source,
    place,
  }))
}

function declareFile(file: SourceFile): Declared[] {
  return parseFile(file).flatMap(({ statement, start, preamble }) => {
    const at = (offset: number) => positionIn(file.path, file.source, file.expansion.sourceOffset(offset))
    const where = at(start).where
    const place = (name: QualifiedName) => {
      const position = at(name.span?.start ?? start)
      return { where: position.where, detail: position.excerpt }
    }
    const replace = wantedWay(preamble, where)
    return created(statement, where, place).map((one) => ({
      ...one,
      where,
      place,
      ...(replace ? { replace } : {}),
    }))
  })
}

function parseFile(file: SourceFile): ScriptPart[] {
  try {
    return parseScript(file.expansion.text, file.path)
  } catch (error) {
    if (!(error instanceof SqlSyntaxError)) throw error
    const position = positionIn(file.path, file.source, file.expansion.sourceOffset(error.offset))
    const message = error.message.replace(/^Syntax error at line \d+, column \d+/, 'Syntax error')
    throw new UserError('SQL_SYNTAX', `${position.where}: ${message}`, {
      where: position.where,
      detail: position.excerpt,
      suggestion: error.suggestion,
      cause: error,
    })
  }
}

function created(
  statement: Statement,
  where: string,
  place: Declared['place'],
): Pick<Declared, 'key' | 'name' | 'kind' | 'statement'>[] {
  const grants = isGrant(statement) ? grantsByName(statement) : undefined
  if (grants)
    return [...grants].map(([name, grant]) => {
      return { key: objectKey('grant', name), name, kind: 'grant', statement: grant }
    })
  const made = deployableObject(statement)
  if (!made)
    throw new UserError('PROJECT_STATEMENT', 'Only statements that create objects belong in a project.', {
      where,
      detail: place({ name: '' }).detail,
      suggestion:
        statement.kind === 'access'
          ? 'Write one user, role or row policy a statement, and name who is granted something.'
          : 'Run anything else with `tpctl sql`.',
    })
  return [
    {
      key: objectKey(made.kind, made.name),
      name: made.name,
      kind: made.kind,
      statement: bareAccess(statement),
    },
  ]
}

/** IF NOT EXISTS and OR REPLACE stand elsewhere on other editions, and mean nothing in a project. */
function bareAccess(statement: Statement): Statement {
  return statement.kind === 'access' ? plainAccess(statement) : statement
}

/** All that somebody is granted is one object, in however many statements it is said. */
function withGrantsJoined(declared: Declared[]): Declared[] {
  const byKey = new Map<ObjectKey, { first: Declared; statements: AccessStatement[] }>()
  for (const one of declared) {
    if (one.kind !== 'grant' || one.statement.kind !== 'access') continue
    const known = byKey.get(one.key)
    if (known) known.statements.push(one.statement)
    else byKey.set(one.key, { first: one, statements: [one.statement] })
  }
  const grants = [...byKey.values()].map(({ first, statements }) => {
    return { ...first, statement: grantObject(first.name, statements) }
  })
  return [...declared.filter(({ kind }) => kind !== 'grant'), ...grants]
}

function uniqueByKey(declared: Declared[]): Map<ObjectKey, Declared> {
  const byKey = new Map<ObjectKey, Declared>()
  for (const one of declared) {
    const first = byKey.get(one.key)
    if (first)
      throw new UserError('PROJECT_DUPLICATE', `Two objects are called '${one.name}'.`, {
        where: one.where,
        detail: `${first.where}\n${one.where}`,
        suggestion: 'Rename or remove one of them.',
      })
    byKey.set(one.key, one)
  }
  return byKey
}

/** Keys of the project's objects that `one` needs; names that mean nothing are errors. */
function resolveNeeds(one: Declared, byKey: Map<ObjectKey, Declared>, project: Project): ObjectKey[] {
  const needs = needsOf(one.statement)
  const keys = new Set<ObjectKey>()
  for (const name of needs.relations) {
    if (name.database !== undefined && name.database !== project.target.database) continue
    if (byKey.has(name.name)) keys.add(name.name)
    else if (!name.maybeColumn) throw unknownName(one, name, byKey)
  }
  for (const name of needs.functions) {
    const key = objectKey('function', name)
    if (byKey.has(key)) keys.add(key)
    else if (!isKnownFunction(name)) checkFunction(one, name, byKey)
  }
  for (const key of needs.others) if (byKey.has(key)) keys.add(key)
  keys.delete(one.key)
  return [...keys]
}

function unknownName(one: Declared, name: QualifiedName, byKey: Map<ObjectKey, Declared>): UserError {
  const relations = [...byKey.values()]
    .filter(({ kind }) => traitsOf(kind).relation)
    .map((other) => other.name)
  const nearest = nearestName(name.name, relations)
  return new UserError(
    'PROJECT_UNKNOWN_NAME',
    `'${one.name}' uses '${name.name}', which the project does not define.`,
    {
      ...one.place(name),
      suggestion: nearest
        ? `Did you mean '${nearest}' (${byKey.get(nearest)!.where})?`
        : 'Define it in a file under the SQL folder, or write its database before the name.',
    },
  )
}

/** A function of a newer engine may be unknown here, but one that is nearly called like the project's is a slip. */
function checkFunction(one: Declared, name: string, byKey: Map<ObjectKey, Declared>): void {
  const own = [...byKey.values()].filter(({ kind }) => kind === 'function').map((other) => other.name)
  const nearest = nearestName(name, own)
  if (nearest)
    throw new UserError('PROJECT_UNKNOWN_NAME', `'${one.name}' calls '${name}', which is not known.`, {
      where: one.where,
      suggestion: `Did you mean '${nearest}'?`,
    })
}

function cycleError(cycle: ObjectKey[], byKey: Map<ObjectKey, Declared>): UserError {
  return new UserError('PROJECT_CYCLE', `Objects depend on each other in a circle: ${cycle.join(' → ')}.`, {
    where: byKey.get(cycle[0]!)!.where,
    detail: cycle
      .slice(0, -1)
      .map((key, index) => `${key} (${byKey.get(key)!.where}) uses ${cycle[index + 1]}`)
      .join('\n'),
    suggestion: 'Break the circle: let one of them read something else.',
  })
}

function compileObject(
  one: Declared,
  dependsOn: ObjectKey[],
  edition: Edition,
  { secrets, target }: Project,
): CompiledObject {
  const wanted = withBrokerSecurity(one.statement, { ...target, edition })
  const { statement, notes } = lowered(wanted, edition, one.where)
  const sql = statementText(statement, edition)
  const hidden = hideSecrets(statement)
  return {
    key: one.key,
    name: one.name,
    kind: one.kind,
    statement,
    sql,
    hash: statementHash(statement, edition),
    hiddenSql: secrets.redact(statementText(hidden.statement, edition)),
    secretsHash: secretsHash([...secrets.foundIn(sql), ...hidden.values]),
    dependsOn,
    source: one.where,
    notes,
    ...(one.replace ? { replace: one.replace } : {}),
  }
}
