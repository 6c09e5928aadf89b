/** What the shell is told. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** `plan --detailed-exitcode`: there is something to do. */
  changes: 3,
  unreachable: 4,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const UNREACHABLE =
  /^(BROKER_UNREACHABLE|UPSTREAM_UNREACHABLE|TARGET_UNREACHABLE|ECONNREFUSED|ECONNRESET|ENOTFOUND|EHOSTUNREACH|ETIMEDOUT|CONNECT_FAILED|UND_ERR_CONNECT_TIMEOUT)$/

/** Errors of the command line itself, found only after it was parsed. */
const USAGE = /^(USAGE|TARGET_UNKNOWN|JOB_UNKNOWN)$/

/** The exit code of a failure: what cannot be reached is told apart, because a retry may help there. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof Error && USAGE.test(String((error as Error & { code?: unknown }).code)))
    return EXIT.usage
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = (cause as Error & { code?: unknown }).code
    if (typeof code === 'string' && UNREACHABLE.test(code)) return EXIT.unreachable
  }
  return EXIT.failed
}
