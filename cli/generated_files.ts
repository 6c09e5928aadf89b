import { lintMarkdown } from '../bootstrap/lint/docs.js'

/** Files of the repository that are made from the code, by path. */
export function generatedFiles(): Record<string, string> {
  return { 'docs/lint.md': lintMarkdown() }
}
