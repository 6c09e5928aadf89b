import { UserError } from '../../dialect/index.js'
import type { UdfDefinition } from '../../udfs/runtime/index.js'
import type { Bench } from './bench.js'
import type { Failure } from './expectations.js'
import { FunctionShelf } from './functions.js'
import { neededObjects } from './needed.js'
import { type Job, type JobTest, planJobs } from './plan.js'
import { ProjectCache } from './project_cache.js'
import { cannotRun, runTest, SeenBefore } from './run_test.js'
import { scopeOf } from './scope.js'
import { Site } from './site.js'
import type { StubServer } from './stub_server.js'

export interface TestResult {
  /** Relative to the project. */
  file: string
  name: string
  /** `file:line:column` of the test. */
  where: string
  passed: boolean
  seconds: number
  failures: Failure[]
  /** Why it was not run; then it did not pass, and does not count as failed. */
  skipped?: string
}

/** The slot of what runs beside the tests of a slot: the same answers, and its calls are not the tests'. */
export function besides(slot: string): string {
  return `${slot}b`
}

/** Watches sites from before their first row to their end. */
export type SiteObserver = (site: Site) => Promise<{ end(): Promise<void> }>

export interface RunOptions {
  projectDir: string
  /** Absolute paths. */
  files: readonly string[]
  /** Only tests whose `file: name` holds this. */
  filter?: string
  /** Whose variables count. */
  target?: string
  signal: AbortSignal
  observe?: SiteObserver
  onResult?(result: TestResult): void
}

/** What runs share: an engine, the functions on it, and what answers remote ones. */
export interface TestStage {
  bench: Bench
  stubs: StubServer
  functions: FunctionShelf
  /** Sites so far; numbers databases. */
  count: number
}

export function newStage(bench: Bench, stubs: StubServer): TestStage {
  return { bench, stubs, functions: new FunctionShelf(bench), count: 0 }
}

/** Runs the tests of the files, several at once; results are told and come back in the order of files and tests. */
export async function runTests(stage: TestStage, options: RunOptions): Promise<TestResult[]> {
  const waiting = planJobs(options.files, options)
  if (waiting.length === 0)
    throw new UserError(
      'TEST_NONE',
      options.filter === undefined ? 'There are no tests.' : 'No test is called like that.',
      {
        suggestion: 'Tests are in tests/**/*.test.yaml; --filter takes a part of their file or name.',
      },
    )
  const projects = new ProjectCache(options.projectDir, stage.bench, options.target)
  const told = new InOrder(options.onResult)
  const work = async (slot: string): Promise<void> => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      options.signal.throwIfAborted()
      await new JobRun(job, slot, stage, projects, options, (position, result) =>
        told.add(position, result),
      ).run()
    }
  }
  await Promise.all(Array.from({ length: stage.bench.slots }, (_, slot) => work(String(slot))))
  return told.results
}

/** Tests on one site, one after the other. */
class JobRun {
  constructor(
    readonly job: Job,
    readonly slot: string,
    readonly stage: TestStage,
    readonly projects: ProjectCache,
    readonly options: RunOptions,
    readonly tell: (position: number, result: TestResult) => void,
  ) {}

  async run(): Promise<void> {
    const { job, options } = this
    const tests = job.tests.filter((test) => !this.#skip(test))
    if (tests.length === 0) return
    let site: Site | undefined
    const started = performance.now()
    try {
      const tested = await this.projects.with(job.file.variables)
      const { definitions } = tested.project
      site = await this.#open(tested, tests)
      const observed = await options.observe?.(site)
      this.#useStubs(tests[0]!, definitions)
      for (const step of job.given) await site.perform(step, true)
      let from = started
      for (const test of tests) {
        if (job.file.shared) this.#useStubs(test, definitions)
        const before = job.file.shared ? await SeenBefore.of(site, test.test) : new SeenBefore()
        const failures = await runTest(test, site, before)
        this.#done(test, from, failures)
        from = performance.now()
      }
      await observed?.end()
    } catch (error) {
      options.signal.throwIfAborted()
      for (const test of tests) this.#done(test, started, [cannotRun(error)])
    } finally {
      await site?.release()
    }
  }

  #useStubs({ test }: JobTest, definitions: readonly UdfDefinition[]): void {
    const stubs = new Map(Object.entries({ ...this.job.file.stubs, ...test.stubs }))
    this.stage.stubs.use(this.slot, stubs, definitions)
    this.stage.stubs.use(besides(this.slot), stubs, definitions)
  }

  async #open(tested: Awaited<ReturnType<ProjectCache['with']>>, tests: readonly JobTest[]): Promise<Site> {
    const { job, stage, slot, options } = this
    const { bench, stubs, functions } = stage
    const scope = scopeOf(job.given, tests)
    const number = ++stage.count
    const setting = {
      ...tested,
      bench,
      stubs,
      functions,
      file: job.path,
      slot,
      number,
      signal: options.signal,
    }
    const site = new Site(setting, neededObjects(tested.deployment, scope))
    try {
      await site.deploy()
    } catch (error) {
      await site.release()
      throw error
    }
    return site
  }

  #skip(test: JobTest): boolean {
    const skipped = this.stage.bench.cannot(this.job.file, test.test)
    if (skipped !== undefined) this.#told(test, { passed: false, seconds: 0, failures: [], skipped })
    return skipped !== undefined
  }

  readonly #finished = new Set<JobTest>()

  #done(test: JobTest, from: number, failures: Failure[]): void {
    if (this.#finished.has(test)) return
    this.#finished.add(test)
    const seconds = (performance.now() - from) / 1000
    this.#told(test, { passed: failures.length === 0, seconds, failures })
  }

  #told({ test, where, position }: JobTest, result: Omit<TestResult, 'file' | 'name' | 'where'>): void {
    this.tell(position, { file: this.job.shown, name: test.name, where, ...result })
  }
}

/** Tells results in the order of the tests, though they end in another. */
class InOrder {
  readonly results: TestResult[] = []
  #next = 0

  constructor(readonly tell: ((result: TestResult) => void) | undefined) {}

  add(position: number, result: TestResult): void {
    this.results[position] = result
    for (let held = this.results[this.#next]; held; held = this.results[this.#next]) {
      this.#next++
      this.tell?.(held)
    }
  }
}
