/** The store without the engine, for what is done by hand. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Session } from 'chdb'

export type Seconds = { seconds: number }

export function open(dir: string, args: string[] = []): Session {
  mkdirSync(dir, { recursive: true })
  return new Session(join(dir, 'chdb'), { connectionArgs: args })
}

export async function timed(body: () => Promise<unknown>): Promise<Seconds> {
  const started = performance.now()
  await body()
  return { seconds: (performance.now() - started) / 1000 }
}

export const run = (session: Session, sql: string) => session.queryAsync(sql, { format: 'Null' })

export async function value(session: Session, sql: string): Promise<number> {
  return Number((await session.queryAsync(sql, { format: 'TSV' })).text())
}
