import { availableParallelism } from 'node:os'
import { type Clock, SYSTEM_CLOCK } from '../clock.js'
import type { Batch, Delta, Operator, Range, SavedState } from './operator.js'
import { walk } from './operator.js'
import type { Scan } from './scan.js'

/** Rows of one scan that a batch takes at first, and at most: what a statement costs by itself is spread over many rows. */
const FIRST_ROWS = 65_536
const MAX_ROWS = 524_288
/** Batches of so many rows are run in pieces, where that changes nothing. */
const WORTH_PIECES = 32_768
/** Statements of one batch at once. */
const PIECES = Math.min(2, availableParallelism())
/** A batch that took longer makes the next ones smaller, in ms. */
const SLOW_MS = 2_000
/** One as large as allowed that took less makes them larger; wide rows, of which fewer fit into memory, take their time. */
const FAST_MS = 500

/**
 * Cuts batches: at once when rows are there, at an operator's deadline when none are, and never otherwise.
 * One event is a batch of its own; a backlog makes large ones.
 */
export class Pump {
  /** Number of the last batch that was cut. */
  seq = 0
  limit = FIRST_ROWS
  /** What to do once when no batch has come for so many ms. */
  whenIdle: { afterMs: number; run(): Promise<void> } | undefined
  #rested = true
  /** Restricts batches to one scan, while a row that fails is being looked for. */
  only: number | undefined
  readonly operators: Operator[]
  readonly #byAppend: boolean
  readonly #unwatch: (() => void)[] = []
  #arrivals = 0
  #wake: (() => void) | undefined
  #resting = false
  readonly #clock: Clock

  constructor(
    readonly root: Operator,
    readonly scans: Scan[],
  ) {
    this.operators = walk(root)
    this.#clock = scans[0]?.pipe.clock ?? SYSTEM_CLOCK
    // Of several values that a batch has for a key a changelog shows the last: each append has its say.
    this.#byAppend = root.semantic === 'changelog' || this.operators.some((operator) => operator.byAppend)
    for (const stream of new Set(scans.map((scan) => scan.stream))) {
      const store = scans[0]!.pipe.deps.store
      this.#unwatch.push(store.watch(stream, () => this.wake()))
    }
  }

  /** Looks again whether there is something to do. */
  wake(): void {
    this.#arrivals++
    this.#resting = false
    this.#wake?.()
  }

  /** Everything that is there has been worked through, and nothing is due: only new rows or time will change that. */
  get quiet(): boolean {
    const deadline = this.#deadline()
    return (
      this.#resting &&
      (deadline === undefined || deadline > this.#clock.now()) &&
      this.scans.every((scan) => scan.upToDate)
    )
  }

  /** Waits for the next batch; undefined when the signal fired, or when all sources have come to their end. */
  async next(signal: AbortSignal): Promise<Batch | undefined> {
    const idleAt = this.#rested || !this.whenIdle ? undefined : this.#clock.now() + this.whenIdle.afterMs
    for (;;) {
      if (signal.aborted) return undefined
      const seen = this.#arrivals
      const ranges = await this.#cut()
      const now = this.#clock.now()
      const deadline = this.#deadline()
      if (Object.keys(ranges).length > 0 || (deadline !== undefined && deadline <= now)) {
        return { seq: ++this.seq, now, ranges, ...this.#pieces(ranges) }
      }
      if (seen !== this.#arrivals) continue
      if (deadline === undefined && this.scans.length > 0 && this.scans.every((scan) => scan.ended))
        return undefined
      if (!this.#rested && idleAt !== undefined && idleAt <= now) {
        this.#rested = true
        await this.whenIdle?.run()
        continue
      }
      const times = [deadline, this.#rested ? undefined : idleAt].filter((time) => time !== undefined)
      await this.#sleep(signal, times.length === 0 ? undefined : Math.min(...times) - now)
    }
  }

  step(batch: Batch): Promise<Delta | undefined> {
    return this.root.step(batch)
  }

  /** Asked after the batch was read: how many rows it gave; undefined where that is not known for sure without counting. */
  count(batch: Batch): number | undefined {
    return this.root.oneForOne && this.scans.length === 1 ? this.scans[0]!.count(batch) : undefined
  }

  /** Many rows that have nothing to do with each other are worth a statement for each processor. */
  #pieces(ranges: Record<number, Range>): { pieces: number } | undefined {
    const [scan] = this.scans
    const range = scan && ranges[scan.id]
    if (!range || this.scans.length > 1 || !this.root.oneForOne || range.snapshot) return undefined
    return range.to - range.from >= WORTH_PIECES ? { pieces: PIECES } : undefined
  }

  /** The batch is through: the scans move on. */
  async finish(batch: Batch, tookMs: number): Promise<void> {
    this.#rested = false
    for (const scan of this.scans) scan.advance(batch)
    if (tookMs > SLOW_MS) this.limit = Math.max(1, Math.ceil(this.limit / 2))
    else if (tookMs < FAST_MS && this.#isFull(batch)) this.limit = Math.min(MAX_ROWS, this.limit * 2)
    for (const operator of this.operators) await operator.settle?.(batch)
  }

  #isFull(batch: Batch): boolean {
    return Object.values(batch.ranges).some((range) => range.to - range.from >= this.limit)
  }

  save(): SavedState {
    return Object.fromEntries(this.operators.map((operator, i) => [String(i), operator.save?.() ?? {}]))
  }

  load(state: SavedState): void {
    this.operators.forEach((operator, i) => {
      operator.load?.((state[String(i)] ?? {}) as SavedState)
    })
  }

  close(): void {
    for (const unwatch of this.#unwatch.splice(0)) unwatch()
  }

  async #cut(): Promise<Record<number, Range>> {
    const ranges: Record<number, Range> = {}
    const leading = this.scans.filter((scan) => scan.leads && scan.position < scan.past)
    for (const scan of leading.length > 0 ? leading : this.scans) {
      if (this.only !== undefined && scan.id !== this.only) continue
      const range = await scan.cut(this.limit, this.#byAppend)
      if (range) ranges[scan.id] = range
    }
    return ranges
  }

  /** Between the rows of a replay nothing falls due but the next of them. */
  #deadline(): number | undefined {
    const pauses = this.scans.map((scan) => scan.pausesUntil).filter((time) => time !== undefined)
    const all =
      pauses.length > 0 ? pauses : this.operators.map((o) => o.deadline?.()).filter((d) => d !== undefined)
    return all.length === 0 ? undefined : Math.min(...all)
  }

  async #sleep(signal: AbortSignal, ms: number | undefined): Promise<void> {
    this.#resting = true
    await sleep(signal, ms, { register: (wake) => (this.#wake = wake), clock: this.#clock })
    this.#resting = false
    this.#wake = undefined
  }
}

/** Waits `ms` (without end when undefined), until the signal fires or `wake` is called. */
export function sleep(
  signal: AbortSignal,
  ms: number | undefined,
  { register, clock = SYSTEM_CLOCK }: { register?: (wake: () => void) => void; clock?: Clock } = {},
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const cancel = ms === undefined ? undefined : clock.after(ms, done)
    function done(): void {
      cancel?.()
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
    register?.(done)
  })
}

/** The batches that a batch is run as. */
export function piecesOf(batch: Batch): Batch[] {
  const { pieces = 1, ...whole } = batch
  const [[id, range] = []] = Object.entries(batch.ranges)
  if (pieces === 1 || !range) return [whole]
  const cut = (i: number) => range.from + Math.floor(((range.to - range.from) * i) / pieces)
  return Array.from({ length: pieces }, (_, i) => ({
    ...whole,
    ranges: { [id!]: { ...range, from: cut(i), to: cut(i + 1) } },
  }))
}
