import type { Batch } from './operator.js'
import type { Scan } from './scan.js'

/** Tells whether a query still reads rows that stood when it started. */
export class Backfill {
  constructor(readonly scans: Scan[]) {}

  running(batch: Batch): boolean {
    return this.#behind((scan) => batch.ranges[scan.id]?.to ?? scan.position)
  }

  /** Whether the batch is the one that reaches the present. */
  ends(batch: Batch): boolean {
    return this.#behind((scan) => scan.position) && !this.running(batch)
  }

  #behind(position: (scan: Scan) => number): boolean {
    return this.scans.some((scan) => position(scan) < scan.past)
  }
}
