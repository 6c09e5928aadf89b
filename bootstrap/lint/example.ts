import { expandVariables } from '../variables.js'
import { type Finding, lintProject } from './lint.js'
import type { RuleExample } from './rule.js'

/** What all rules find in an example. */
export function lintExample({ sql, edition, diskBytes, secrets, variables }: RuleExample): Finding[] {
  const expansion = expandVariables(sql, (name) => variables?.[name])
  const project = {
    files: [{ path: 'example.sql', source: sql, expansion }],
    functions: [],
    target: { edition: edition ?? 'enterprise' },
    config: { secrets: secrets ?? [] },
  }
  return lintProject(project, { diskBytes })
}
