import { UserError } from '../dialect/user_error.js'

/** A terminal and a wrapper such as npx may both deliver the same Ctrl-C. */
const SAME_PRESS_MS = 500

/**
 * One AbortSignal per run, fired by the first Ctrl-C (or SIGTERM): the command finishes the batch in flight and
 * says how to resume. A second Ctrl-C ends the process at once.
 */
export function interruptSignal(): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController()
  let pressed = 0
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      if (performance.now() - pressed > SAME_PRESS_MS) process.exit(name === 'SIGINT' ? 130 : 143)
      return
    }
    pressed = performance.now()
    controller.abort(
      new UserError('INTERRUPTED', `Stopped by ${name === 'SIGINT' ? 'Ctrl-C' : name}.`, {
        suggestion: 'The same command again goes on: what is done already is not repeated.',
      }),
    )
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    dispose() {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
