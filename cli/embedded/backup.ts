import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { create, extract, list } from 'tar'
import { UserError } from '../../dialect/user_error.js'
import { bringUp, type Ports, running, stateFiles, takeDown } from './lifecycle.js'

/** Of the archive's layout. */
const FORMAT = 1
const MANIFEST = 'backup.json'

export interface BackupManifest {
  format: number
  /** ISO 8601. */
  createdAt: string
  /** Version of tpctl that wrote it. */
  version: string
}

interface Place {
  projectDir: string
  stateDir: string
  onStep?: (text: string) => void
}

/**
 * Writes the embedded engine's data (streams, catalog, checkpoints, topics) into one tar.gz. The engine stands still
 * for that and goes on afterwards, where it ran. The file appears when it is whole.
 * @throws UserError BACKUP_NOTHING, BACKUP_EXISTS
 */
export async function backup(place: Place, file: string, version: string): Promise<{ bytes: number }> {
  const { engineDir } = stateFiles(place.stateDir)
  if (!existsSync(engineDir)) {
    throw new UserError('BACKUP_NOTHING', `There is no embedded engine in ${place.stateDir}.`, {
      suggestion: 'Name its state folder with --state.',
    })
  }
  if (existsSync(file)) {
    throw new UserError('BACKUP_EXISTS', `${file} exists already.`, { suggestion: 'Choose another name.' })
  }
  mkdirSync(dirname(file), { recursive: true })
  const part = `${file}.part`
  const manifest: BackupManifest = { format: FORMAT, createdAt: new Date().toISOString(), version }
  const own = await mkdtemp(join(place.stateDir, 'backup-'))
  try {
    writeFileSync(join(own, MANIFEST), JSON.stringify(manifest))
    await standingStill(place, async () => {
      place.onStep?.('writing the backup')
      await create(
        {
          ...{ file: part, gzip: true, portable: true, cwd: place.stateDir },
          filter: (_path, stat) => {
            // The store shares files between versions of its data; each is written as a file of its own.
            if ('nlink' in stat) stat.nlink = 1
            return true
          },
          onWriteEntry: (entry) => {
            if (entry.path.endsWith(MANIFEST)) entry.path = MANIFEST
          },
        },
        [`${basename(own)}/${MANIFEST}`, basename(engineDir)],
      )
    })
    renameSync(part, file)
  } finally {
    rmSync(part, { force: true })
    await rm(own, { recursive: true, force: true })
  }
  return { bytes: (await stat(file)).size }
}

/**
 * Puts a backup in the place of the embedded engine's data. What was there is moved aside and named in the answer.
 * Nothing changes unless the whole archive could be read.
 * @throws UserError BACKUP_MISSING, BACKUP_BROKEN, RESTORE_OCCUPIED
 */
export async function restore(
  place: Place,
  file: string,
  options: { force?: boolean },
): Promise<{ manifest: BackupManifest; aside?: string }> {
  const { engineDir } = stateFiles(place.stateDir)
  if (!existsSync(file)) throw new UserError('BACKUP_MISSING', `There is no file ${file}.`)
  if (!options.force && existsSync(engineDir) && (await readdir(engineDir)).length > 0) {
    throw new UserError('RESTORE_OCCUPIED', `${engineDir} holds data already.`, {
      suggestion: 'With --force it is moved aside, not deleted.',
    })
  }
  mkdirSync(place.stateDir, { recursive: true })
  const unpacked = await mkdtemp(join(place.stateDir, 'restore-'))
  try {
    place.onStep?.('reading the backup')
    const manifest = await readArchive(file, unpacked)
    let aside: string | undefined
    await standingStill(place, async () => {
      if (existsSync(engineDir)) {
        aside = `${engineDir}.before-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`
        renameSync(engineDir, aside)
      }
      renameSync(join(unpacked, basename(engineDir)), engineDir)
    })
    return { manifest, aside }
  } finally {
    await rm(unpacked, { recursive: true, force: true })
  }
}

async function readArchive(file: string, folder: string): Promise<BackupManifest> {
  const broken = (detail: string, cause?: unknown) =>
    new UserError('BACKUP_BROKEN', `${file} is no whole backup.`, {
      detail,
      suggestion: 'Nothing was changed. Take another backup.',
      cause,
    })
  let manifest: BackupManifest
  try {
    // Read to its end first: a reading that breaks off may still be writing files.
    await list({ file, strict: true })
    await extract({ file, cwd: folder, strict: true })
    manifest = JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as BackupManifest
  } catch (cause) {
    throw broken((cause as Error).message, cause)
  }
  if (manifest.format !== FORMAT)
    throw broken(`Its format is ${manifest.format}; this tpctl reads ${FORMAT}.`)
  if (!existsSync(join(folder, 'engine'))) throw broken('It holds no engine.')
  return manifest
}

/** Does the work while engine and gateway are down, and starts them again where they ran, also when it fails. */
async function standingStill(place: Place, work: () => Promise<void>): Promise<void> {
  const { engine, gateway } = running(place.stateDir)
  const ran = engine !== undefined || gateway !== undefined
  let ports: Ports | undefined
  if (ran) {
    ports = JSON.parse(readFileSync(stateFiles(place.stateDir).ports, 'utf8')) as Ports
    place.onStep?.('stopping the embedded engine')
    await takeDown(place.stateDir)
  }
  try {
    await work()
  } finally {
    if (ports) await bringUp({ ...place, ports, edition: engine?.edition })
  }
}
