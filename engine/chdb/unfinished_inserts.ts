import { readdir, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The store notes an insert's token in a table's log before it puts the rows into place. A process that is killed
 * between the two leaves a token without rows, and the insert that is repeated for that reason would be taken for a
 * double and dropped. So, before the store is opened, such a token is struck out.
 *
 * Inserts into a table come one after another: only the last token of its log can be without rows.
 *
 * @param dir the store's folder; nobody may have it open
 * @returns how many tokens were struck out
 */
export async function forgetUnfinishedInserts(dir: string): Promise<number> {
  let forgotten = 0
  const root = join(dir, 'store')
  for (const prefix of await list(root)) {
    for (const table of await list(join(root, prefix))) {
      if (await repairTable(join(root, prefix, table))) forgotten++
    }
  }
  return forgotten
}

const LOG_NAME = /^deduplication_log_(\d+)\.txt$/
/** A line that adds a token, with the part that was to hold its rows: partition, first and last block. */
const ADDED = /^1\t(.+?)_(\d+)_(\d+)_\d+(?:_\d+)?\t/
const PART = /^(.+?)_(\d+)_(\d+)_\d+(?:_\d+)?$/

async function repairTable(table: string): Promise<boolean> {
  const folder = join(table, 'deduplication_logs')
  const logs = (await list(folder))
    .flatMap((name) => LOG_NAME.exec(name)?.slice(1) ?? [])
    .map(Number)
    .sort((a, b) => b - a)
  for (const number of logs) {
    const file = join(folder, `deduplication_log_${number}.txt`)
    const text = await readFile(file, 'utf8')
    const end = text.trimEnd().length
    if (end === 0) continue
    const lineStart = text.lastIndexOf('\n', end - 1) + 1
    const added = ADDED.exec(text.slice(lineStart, end))
    if (!added || (await holds(table, added))) return false
    await truncate(file, Buffer.byteLength(text.slice(0, lineStart)))
    return true
  }
  return false
}

/** Whether a part, or one merged from it and others, is in place. */
async function holds(table: string, [, partition, first, last]: RegExpExecArray): Promise<boolean> {
  return (await list(table)).some((name) => {
    const part = PART.exec(name)
    return (
      part !== null &&
      part[1] === partition &&
      Number(part[2]) <= Number(first) &&
      Number(part[3]) >= Number(last)
    )
  })
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch {
    return []
  }
}
