import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { InstallableEdition } from './releases.js'

/** What is installed for a target. */
export interface InstallRecord {
  edition: InstallableEdition
  version: string
  source: string
  sha256: string
  /** The program, absolute. */
  program: string
  /** Of `proton server`; Timeplus Enterprise keeps its own processes. */
  pid?: number
}

export interface InstallFiles {
  /** Everything of the target's server. */
  folder: string
  record: string
  /** The program, and for Timeplus Enterprise its data, which it keeps beside it. */
  program: string
  /** Working folder of `proton server`, which keeps its data in it. */
  data: string
  log: string
}

export function installFiles(stateDir: string, target: string): InstallFiles {
  const folder = join(stateDir, 'servers', target)
  return {
    folder,
    record: join(folder, 'install.json'),
    program: join(folder, 'program'),
    data: join(folder, 'data'),
    log: join(folder, 'server.log'),
  }
}

export function readRecord(files: InstallFiles): InstallRecord | undefined {
  try {
    return JSON.parse(readFileSync(files.record, 'utf8')) as InstallRecord
  } catch {
    return undefined
  }
}

/** Whole or not at all. */
export function writeRecord(files: InstallFiles, record: InstallRecord): void {
  mkdirSync(files.folder, { recursive: true })
  writeFileSync(`${files.record}.new`, `${JSON.stringify(record, null, 2)}\n`)
  renameSync(`${files.record}.new`, files.record)
}
