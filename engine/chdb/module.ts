import { EngineError } from '../errors.js'

/** The part of the `chdb` package that the engine uses. */
export interface ChdbSession {
  query(sql: string, format: string): unknown
  queryAsync(sql: string, options: { format: string }): Promise<{ bytes(): Uint8Array }>
  queryStream(
    sql: string,
    options: { format: string },
  ): AsyncIterable<{ raw(): Uint8Array }> & { cancel(): void }
  close(): void
}
export interface ChdbModule {
  Session: new (dir: string, options: { connectionArgs: readonly string[] }) => ChdbSession
}

/** chDB is an optional dependency: platforms without a build can still deploy to servers. */
export async function loadChdb(): Promise<ChdbModule> {
  try {
    return (await import('chdb')) as unknown as ChdbModule
  } catch (cause) {
    throw new EngineError(
      'UNSUPPORTED_METHOD',
      `The embedded engine needs the optional package "chdb", which has no build for ${process.platform}-${process.arch} or was not installed. Use another target, or reinstall with optional dependencies`,
      { cause },
    )
  }
}
