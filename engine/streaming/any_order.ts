import type { Setting } from '../../dialect/ast.js'
import type { Batch } from './operator.js'

/** From so many rows on, several threads are worth what it costs to start them. */
const MANY_ROWS = 10_000

const literal = (name: string, text: string): Setting => ({
  name,
  value: { kind: 'literal', type: 'number', text },
})

/** As many threads as there are cores, and blocks of the usual size. */
const ALL_CORES = [literal('max_threads', '0'), literal('max_block_size', '65409')]

/**
 * Settings for a part of a batch's statement that gives its rows in any order. The statement as a whole runs in one
 * thread, because rows are numbered in their order.
 */
export function anyOrder(batch: Batch): Setting[] | undefined {
  const rows = Object.values(batch.ranges).reduce((sum, range) => sum + range.to - range.from, 0)
  return rows < MANY_ROWS ? undefined : ALL_CORES
}
