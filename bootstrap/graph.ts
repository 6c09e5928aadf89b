/** Objects and what they need, by name. Pure. */
export type Dependencies = ReadonlyMap<string, readonly string[]>

/**
 * Names in an order in which everything stands after what it needs; among equals the order given is kept.
 * Needs that are no keys of the map are not looked at.
 * @returns the order, or the path of a cycle: `['a', 'b', 'a']`.
 */
export function dependencyOrder(graph: Dependencies): { order: string[] } | { cycle: string[] } {
  const order: string[] = []
  const done = new Set<string>()
  for (const root of graph.keys()) {
    if (done.has(root)) continue
    // An explicit stack: a chain of views may be longer than the call stack is deep.
    const path: { name: string; next: number }[] = [{ name: root, next: 0 }]
    const onPath = new Set([root])
    while (path.length > 0) {
      const top = path.at(-1)!
      const need = graph.get(top.name)![top.next++]
      if (need === undefined) {
        path.pop()
        onPath.delete(top.name)
        done.add(top.name)
        order.push(top.name)
      } else if (onPath.has(need)) {
        const names = path.map((step) => step.name)
        return { cycle: [...names.slice(names.indexOf(need)), need] }
      } else if (graph.has(need) && !done.has(need)) {
        path.push({ name: need, next: 0 })
        onPath.add(need)
      }
    }
  }
  return { order }
}

/** Everything that needs one of `names`, directly or through others, without `names` themselves. */
export function dependents(graph: Dependencies, names: Iterable<string>): Set<string> {
  const found = new Set(names)
  const given = new Set(found)
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const [name, needs] of graph) if (needs.some((need) => found.has(need))) found.add(name)
  }
  for (const name of given) found.delete(name)
  return found
}

/** The candidate that a person most likely meant, if one is close enough. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
