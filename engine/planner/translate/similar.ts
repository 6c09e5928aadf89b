/**
 * Proton's rule for misspelt names (src/Common/NamePrompter.h). Up to two names within a third of the length in edit distance, nearest first, as Proton suggests them:
 * `nope` → not, now.
 */
export function similarNames(name: string, known: readonly string[]): string[] {
  const limit = Math.floor((name.length + 2) / 3)
  const found: { candidate: string; distance: number }[] = []
  for (const candidate of known) {
    const apart = Math.abs(candidate.length - name.length)
    if (apart > limit || (apart > 0 && Math.floor(name.length / apart) < 3)) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance <= limit) found.push({ candidate, distance })
  }
  found.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
  return found.slice(0, 2).map((f) => f.candidate)
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
