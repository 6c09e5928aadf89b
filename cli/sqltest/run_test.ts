import type { CompiledObject } from '../../bootstrap/model.js'
import { quoteName, UserError } from '../../dialect/index.js'
import { ProtonError } from '../../driver/index.js'
import { type Answer, check, errorText, type Failure, speaksOf, type TestError } from './expectations.js'
import type { TestCase } from './format.js'
import { messageOf, type PlacedStep, type Site } from './site.js'

/** Proton's code for a name that means nothing. */
const UNKNOWN_COLUMN = 47

/** After the last step the clock moves on so far: what speaks every two seconds, Proton's default, has then spoken. */
const LAST_MS = 2_000

export interface PlacedTest {
  test: TestCase
  steps: readonly PlacedStep[]
  expectedAt(index: number): string
}

/** Runs one test on a site. What it finds wrong comes back; nothing is thrown but an interruption. */
export async function runTest(placed: PlacedTest, site: Site, before: SeenBefore): Promise<Failure[]> {
  const { test } = placed
  const errors: TestError[] = []
  const emitted = await perform(placed, site, errors)
  errors.push(...(await site.problems()))
  const { stubs, slot, bench } = site.setting
  const failures: Failure[] = stubs.unanswered(slot).map((name) => ({
    what: `${name} has no answer`,
    detail: `Give the test, or its file, an answer: stubs: { ${name}: { otherwise: … } }`,
  }))
  for (const error of errors)
    if (!speaksOf(test.expect, error))
      failures.push({
        what: error.view ? `view ${error.view} fails` : 'the test ends early',
        detail: errorText(error),
      })
  if (failures.length > 0) return failures
  const outcome = {
    ask: (sql: string) => site.ask(sql),
    rowsOf: (relation: string, where: string | undefined, columns: readonly string[]) =>
      site.ask(before.query(relation, where, columns)).catch((error: unknown) => {
        // A column that is not there is a difference like any other.
        if (!(error instanceof ProtonError && error.code === UNKNOWN_COLUMN)) throw error
        return site.ask(before.query(relation, where, []))
      }),
    emitted,
    calls: (name: string) => stubs.calls(slot, name),
    deadLetters: async (source: string) =>
      (await bench.deadLetters(site.namespace.database, source))?.slice(before.letters(source)),
    errors,
  }
  for (const [index, expected] of test.expect.entries()) {
    const failure = await check(expected, outcome).catch((error: unknown) => ({
      what: 'the question fails',
      detail: site.plain(messageOf(error)),
    }))
    if (failure) failures.push({ ...failure, where: placed.expectedAt(index) })
  }
  return failures
}

/** The steps, with the streaming query running beside them. A failure ends them and goes to `errors`. */
async function perform({ test, steps }: PlacedTest, site: Site, errors: TestError[]): Promise<Answer> {
  const { bench, signal } = site.setting
  const patient = !test.expect.some(({ error }) => error?.view !== undefined)
  const fail = (error: unknown) => {
    signal.throwIfAborted()
    errors.push(site.failure(error))
  }
  let query: Awaited<ReturnType<Site['listen']>> | undefined
  try {
    if (test.query !== undefined) query = await site.listen(test.query)
    for (const step of steps) await site.perform(step, patient)
    await bench.advance(site.namespace.database, LAST_MS)
    await site.settle(patient)
  } catch (error) {
    fail(error)
  }
  try {
    return (await query?.stop()) ?? NOTHING
  } catch (error) {
    fail(error)
    return NOTHING
  }
}

const NOTHING: Answer = { rows: [], columns: [] }

/** What a site held before a test began, where tests share it: a test sees only what came since. */
export class SeenBefore {
  readonly #rows = new Map<string, string>()
  readonly #letters = new Map<string, number>()

  static async of(site: Site, test: TestCase): Promise<SeenBefore> {
    const before = new SeenBefore()
    for (const { in: relation, dead_letters: source } of test.expect) {
      const object = site.objects.find(({ name }) => name === relation)
      if (object && isAppendStream(object)) before.#rows.set(object.name, await site.lastSn(object.name))
      if (source !== undefined) {
        const letters = await site.setting.bench.deadLetters(site.namespace.database, source)
        before.#letters.set(source, letters?.length ?? 0)
      }
    }
    return before
  }

  query(relation: string, where: string | undefined, columns: readonly string[]): string {
    const sn = this.#rows.get(relation)
    const since = sn === undefined ? undefined : `_tp_sn > ${sn}`
    const conditions = [since, where && `(${where})`].filter((condition) => condition !== undefined)
    const list = columns.length === 0 ? '*' : columns.map(quoteName).join(', ')
    return `SELECT ${list} FROM \`${relation}\`${conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''}`
  }

  letters(source: string): number {
    return this.#letters.get(source) ?? 0
  }
}

function isAppendStream({ statement }: CompiledObject): boolean {
  return (
    statement.kind === 'create_stream' &&
    !statement.mutable &&
    !statement.settings.some(
      ({ name, value }) =>
        name === 'mode' && value.kind === 'literal' && value.type === 'string' && value.value !== 'append',
    )
  )
}

/** Why a test could not even begin. */
export function cannotRun(error: unknown): Failure {
  return {
    what: 'the test cannot run',
    detail: messageOf(error),
    where: error instanceof UserError ? error.where : undefined,
  }
}
