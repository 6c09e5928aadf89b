/** Milliseconds since 1970 as the text of a `datetime64(3, 'UTC')`: `2026-04-30 13:49:02.000`. */
export function formatTs(ms: number): string {
  return new Date(ms).toISOString().slice(0, 23).replace('T', ' ')
}

/** Milliseconds of a `ts`; NaN where it is none. With no offset it is UTC. */
export function parseTs(ts: string): number {
  return Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(ts) ? ts : `${ts.replace(' ', 'T')}Z`)
}
