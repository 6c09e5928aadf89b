import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Finding, lintProject } from '../bootstrap/lint/lint.js'
import type { Project } from '../bootstrap/project.js'
import type { Context } from './context.js'
import type { Output } from './output.js'

/** What lint says of a project; the disk is this machine's where the target is. `diskBytes`: another one. */
export async function findingsOf(context: Context, project: Project, diskBytes?: number): Promise<Finding[]> {
  const local = project.target.edition === 'embedded' ? await diskOf(context.stateDir) : undefined
  return lintProject(project, { diskBytes: diskBytes ?? local })
}

/** Size of the disk of a folder that may not be there yet. */
async function diskOf(folder: string): Promise<number> {
  let dir = folder
  while (!existsSync(dir)) dir = dirname(dir)
  const { blocks, bsize } = await statfs(dir)
  return blocks * bsize
}

/** Findings as lines with their places. */
export function findingLines(output: Output, findings: readonly Finding[]): string[] {
  return findings.flatMap(({ code, severity, message, where, excerpt, fix }) => [
    `${output.color('bold', where)}  ${output.color(severity === 'error' ? 'red' : 'yellow', severity)} ${message} ${output.color('dim', `[${code}]`)}`,
    ...(excerpt ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `  ${line}`),
    `  ${output.color('cyan', 'try:')} ${fix}`,
  ])
}

export function findingCounts(findings: readonly Finding[]): { errors: number; warnings: number } {
  const errors = findings.filter(({ severity }) => severity === 'error').length
  return { errors, warnings: findings.length - errors }
}
