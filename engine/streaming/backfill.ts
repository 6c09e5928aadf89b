import type { Batch } from './operator.js'
import type { Scan } from './scan.js'

/** Tells whether a query still reads rows that stood when it started. */
export class Backfill {
  readonly #until = new Map<Scan, number>()

  constructor(readonly scans: Scan[]) {}

  /** To be called for a scan that starts in the past. */
  expect(scan: Scan, until: number): void {
    this.#until.set(scan, until)
  }

  running(batch: Batch): boolean {
    return this.#behind((scan) => batch.ranges[scan.id]?.to ?? scan.position)
  }

  /** Whether the batch is the one that reaches the present. */
  ends(batch: Batch): boolean {
    return this.#behind((scan) => scan.position) && !this.running(batch)
  }

  #behind(position: (scan: Scan) => number): boolean {
    return this.scans.some((scan) => position(scan) < (this.#until.get(scan) ?? 0))
  }
}
