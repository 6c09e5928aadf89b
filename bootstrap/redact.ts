/** A function that hides secrets wherever they stand in a text, plain or as SQL escapes them. */
export function redactor(secrets: Iterable<string>): (text: string) => string {
  const forms = new Set<string>()
  for (const secret of secrets) {
    if (secret.length === 0) continue
    forms.add(secret)
    forms.add(secret.replaceAll('\\', '\\\\').replaceAll("'", "\\'"))
    forms.add(secret.replaceAll("'", "''"))
    forms.add(JSON.stringify(secret).slice(1, -1))
  }
  // Longest first, so that a secret which contains another leaves no rest behind.
  const ordered = [...forms].sort((a, b) => b.length - a.length)
  return (text) => ordered.reduce((shown, form) => shown.replaceAll(form, '***'), text)
}
