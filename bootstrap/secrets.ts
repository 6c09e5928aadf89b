import { fingerprint } from './fingerprint.js'
import type { Secrets } from './model.js'

/** Hides secrets wherever they stand in a text, plain or as SQL escapes them, and tells one set from another. */
export function secretsOf(values: Iterable<string>): Secrets {
  const byForm = new Map<string, string>()
  for (const secret of values) {
    if (secret.length === 0) continue
    byForm.set(secret, secret)
    byForm.set(secret.replaceAll('\\', '\\\\').replaceAll("'", "\\'"), secret)
    byForm.set(secret.replaceAll("'", "''"), secret)
    byForm.set(JSON.stringify(secret).slice(1, -1), secret)
  }
  // Longest first, so that a secret which contains another leaves no rest behind.
  const forms = [...byForm.keys()].sort((a, b) => b.length - a.length)
  const pattern = forms.length === 0 ? undefined : new RegExp(forms.map(escaped).join('|'), 'g')
  return {
    redact: (text) => (pattern ? text.replaceAll(pattern, '***') : text),
    hashIn(text) {
      const found = pattern ? [...text.matchAll(pattern)].map(([form]) => byForm.get(form)!) : []
      return found.length === 0 ? '' : fingerprint(JSON.stringify(found))
    },
  }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}

const SECRET_SETTING =
  /(`?\w*(?:passw|secret|credential|token|sasl_jaas|private_key|access_key|api_key)\w*`?\s*=\s*)'(?:[^'\\]|\\.|'')*'/gi
const SECRET_WORDS =
  /\b(AUTH_KEY|PASSWORD|IDENTIFIED(?:\s+WITH\s+\w+)?\s+(?:BY|HASH))\s+'(?:[^'\\]|\\.|'')*'/gi

/** A text that came from an engine, without values that look like secrets: they may be older than the ones known. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(SECRET_SETTING, "$1'***'").replaceAll(SECRET_WORDS, "$1 '***'")
}
