import { defineScalar } from 'tpctl'

/** Runs inside the engine: ECMAScript only, no I/O. What this file imports is bundled with it. */
export const logLevel = defineScalar({
  module: import.meta.url,
  name: 'log_level',
  description: 'error, warning or info, as the words of a log line say',
  args: { line: 'string' },
  returns: 'string',
  call({ line }) {
    if (/\b(error|fatal|panic)\b/i.test(line)) return 'error'
    return /\bwarn(ing)?\b/i.test(line) ? 'warning' : 'info'
  },
})
