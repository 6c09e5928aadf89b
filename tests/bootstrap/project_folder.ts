import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach } from 'vitest'

const made: string[] = []

afterEach(async () => {
  for (const dir of made.splice(0)) await rm(dir, { recursive: true, force: true })
})

const CONFIG = `export default { name: 'sample' }`

/** A project in a temporary folder that goes away after the test. Keys are paths. */
export async function projectFolder(files: Record<string, string>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tpctl-project-'))
  made.push(dir)
  for (const [path, text] of Object.entries({ 'tpctl.config.ts': CONFIG, 'sql/.keep': '', ...files })) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
  return dir
}

/** The files of a small pipeline: stream → view → materialized view → stream. */
export const PIPELINE: Record<string, string> = {
  'sql/streams/trades.sql': 'CREATE STREAM trades (symbol string, price float64);',
  'sql/streams/big.sql': 'CREATE STREAM big (symbol string, price float64);',
  'sql/views/pricey.sql':
    'CREATE VIEW pricey AS SELECT symbol, price FROM trades WHERE price > ${MIN_PRICE:-10};',
  'sql/views/mv_big.sql': 'CREATE MATERIALIZED VIEW mv_big INTO big AS SELECT symbol, price FROM pricey;',
}
