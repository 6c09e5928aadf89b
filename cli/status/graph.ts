import type { CompiledObject } from '../../bootstrap/model.js'

/** A materialized view as a pipe: from streams, through plain views, into a stream. */
export interface Pipe {
  view: string
  sources: string[]
  target: string
}

/** The pipes of a deployment in the order in which data takes them. Plain views are looked through. */
export function pipesOf(objects: CompiledObject[]): Pipe[] {
  const byKey = new Map(objects.map((object) => [object.key, object]))
  const sourcesOf = (object: CompiledObject, except: string | undefined): string[] =>
    object.dependsOn.flatMap((key) => {
      const dependency = byKey.get(key)
      if (!dependency || dependency.kind === 'function' || dependency.name === except) return []
      return dependency.kind === 'view' ? sourcesOf(dependency, undefined) : [dependency.name]
    })
  return objects.flatMap((object) => {
    if (object.statement.kind !== 'create_materialized_view') return []
    const target = object.statement.into?.name ?? object.name
    return [{ view: object.name, sources: [...new Set(sourcesOf(object, target))], target }]
  })
}

/**
 * One line a pipe, aligned:
 *
 *     token_all_raw               ── mv_tokens_all ──▶ jupiter_tokens
 *     trending, jupiter_tokens    ── mv_trending_categorized ──▶ trending_categorized
 */
export function drawPipes(pipes: Pipe[], note: (view: string) => string): string[] {
  const left = pipes.map((pipe) => pipe.sources.join(', '))
  const middle = pipes.map((pipe) => pipe.view)
  const widest = (texts: string[]) => Math.max(0, ...texts.map((text) => text.length))
  return pipes.map((pipe, i) => {
    const from = left[i]!.padEnd(widest(left))
    const via = `── ${middle[i]} `.padEnd(widest(middle) + 4, '─')
    return `${from} ${via}─▶ ${pipe.target.padEnd(widest(pipes.map((p) => p.target)))}  ${note(pipe.view)}`.trimEnd()
  })
}
