import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The target that `tpctl target use` chose, in the state folder; stronger than the config's own. */
const fileIn = (stateDir: string): string => join(stateDir, 'target')

export function chosenTarget(stateDir: string): string | undefined {
  const path = fileIn(stateDir)
  return existsSync(path) ? readFileSync(path, 'utf8').trim() || undefined : undefined
}

export function chooseTarget(stateDir: string, name: string): void {
  mkdirSync(stateDir, { recursive: true })
  writeFileSync(fileIn(stateDir), `${name}\n`)
}

export function forgetTarget(stateDir: string): void {
  rmSync(fileIn(stateDir), { force: true })
}
