import { compile } from '../../bootstrap/compile.js'
import type { Deployment } from '../../bootstrap/model.js'
import { loadProject, type Project } from '../../bootstrap/project.js'
import type { Bench } from './bench.js'

export interface TestedProject {
  project: Project
  deployment: Deployment
}

/**
 * The project as a test file wants it: with the config's variables and the file's own over them. The environment is
 * left out, so that a test means the same everywhere.
 */
export class ProjectCache {
  readonly #loaded = new Map<string, Promise<TestedProject>>()

  constructor(
    readonly dir: string,
    readonly bench: Pick<Bench, 'edition' | 'kafka'>,
    /** Name of the target whose variables count. */
    readonly target: string | undefined,
  ) {}

  with(variables: Record<string, string | number | boolean>): Promise<TestedProject> {
    const key = JSON.stringify(Object.entries(variables).sort())
    const known = this.#loaded.get(key)
    if (known) return known
    const loading = this.#load(variables)
    this.#loaded.set(key, loading)
    return loading
  }

  async #load(variables: Record<string, string | number | boolean>): Promise<TestedProject> {
    const project = await loadProject(this.dir, {
      env: {},
      target: this.target,
      overrides: {
        edition: this.bench.edition,
        kafka: this.bench.kafka ?? null,
        variables: Object.fromEntries(
          Object.entries(variables).map(([name, value]) => [name, String(value)]),
        ),
      },
    })
    return { project, deployment: compile(project) }
  }
}
