import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { NamedTarget } from '../../bootstrap/target.js'
import { UserError } from '../../dialect/user_error.js'
import { isAlive } from '../embedded/daemon_process.js'
import type { Progress } from '../output.js'
import { downloadFolder, obtain } from './download.js'
import { type InstallRecord, installFiles, readRecord, writeRecord } from './record.js'
import { type InstallableEdition, releaseOf } from './releases.js'
import { answers, startServer, stopServer } from './server.js'
import { unpack } from './unpack.js'
import { checkAccount, ensureUser } from './user.js'

export interface InstallOptions {
  stateDir: string
  /** Name of the environment variable with the password, for the advice. */
  passwordVariable: string
  version?: string
  sha256?: string
  /** A URL or a file instead of the vendor's release. */
  from?: string
  signal?: AbortSignal
  onStep?: (text: string) => void
  progress?: (label: string, total?: number) => Progress
}

export interface Installed extends InstallRecord {
  /** `installed`: fetched in this run. `started`: was there, and stood still. `present`: ran already. */
  outcome: 'installed' | 'started' | 'present'
  user: 'made' | 'present'
}

/**
 * Brings up the server of a target on this machine: fetch, verify, unpack, start, wait until it answers, make the user.
 * Every step that was done before is left out, so that the same call again changes nothing.
 * @throws UserError INSTALL_*, PORT_IN_USE, PASSWORD_MISSING, UPSTREAM_UNREACHABLE
 */
export async function install(named: NamedTarget, options: InstallOptions): Promise<Installed> {
  isHere(named)
  const edition = installable(named)
  const target = { ...named, edition }
  if (options.sha256 !== undefined && !/^[0-9a-fA-F]{64}$/.test(options.sha256)) {
    throw new UserError('INSTALL_CHECKSUM', '--sha256 takes 64 hexadecimal digits.', {
      suggestion: 'sha256sum FILE prints them.',
    })
  }
  checkAccount(target, options.passwordVariable)
  const files = installFiles(options.stateDir, target.name)
  const old = readRecord(files)
  const up = await answers(target, options.signal)
  if (up && !(old && runs(old))) {
    throw new UserError('INSTALL_OCCUPIED', `A server that tpctl did not install answers at ${target.url}.`, {
      suggestion: 'Leave out --install to use it, or stop it first.',
    })
  }
  const release = releaseOf(edition, options.version ?? old?.version)
  const source = options.from ?? (old?.version === release.version ? old.source : release.url)
  const same =
    old !== undefined &&
    old.version === release.version &&
    old.source === source &&
    (options.sha256 === undefined || old.sha256 === options.sha256.toLowerCase()) &&
    existsSync(old.program)
  let record = old
  if (!same) {
    record = await fetchAndUnpack(edition, source, options, old)
  }
  let outcome: Installed['outcome'] = same ? 'present' : 'installed'
  if (!same || !up) {
    options.onStep?.(`starting ${record!.version}`)
    record = await startServer(target, record!, files, options.signal)
    writeRecord(files, record)
    if (same) outcome = 'started'
  }
  const user = await ensureUser(target, edition)
  return { ...record!, outcome, user }

  async function fetchAndUnpack(
    edition: InstallableEdition,
    source: string,
    { stateDir, sha256, signal, onStep, progress }: InstallOptions,
    old: InstallRecord | undefined,
  ): Promise<InstallRecord> {
    onStep?.(`fetching ${source}`)
    const bar = progress?.('download')
    const fetched = await obtain(source, downloadFolder(stateDir), {
      sha256,
      signal,
      onProgress: (done, total) => bar?.update(done, total),
    }).finally(() => bar?.stop())
    if (sha256 === undefined) onStep?.(`not pinned; to pin it: --sha256 ${fetched.sha256}`)
    if (old && runs(old)) {
      onStep?.(`stopping ${old.version}`)
      await stopServer(old)
    }
    const program = await unpack(fetched.file, release, files.program)
    const record = { edition, version: release.version, source, sha256: fetched.sha256, program }
    writeRecord(files, record)
    return record
  }
}

/** Stops and removes what `install` put here; the server's data only with `purge`. Undefined where nothing is installed. */
export async function uninstall(
  target: NamedTarget,
  stateDir: string,
  purge: boolean,
): Promise<{ edition: string; version: string; stopped: boolean; purged: boolean } | undefined> {
  isHere(target)
  const files = installFiles(stateDir, target.name)
  const record = readRecord(files)
  if (!record) {
    if (purge) await rm(files.folder, { recursive: true, force: true })
    return undefined
  }
  const stopped = await stopServer(record)
  await rm(files.record, { force: true })
  // Timeplus Enterprise keeps its data beside its programs.
  if (record.edition !== 'enterprise') await rm(files.program, { recursive: true, force: true })
  if (purge) await rm(files.folder, { recursive: true, force: true })
  return { edition: record.edition, version: record.version, stopped, purged: purge }
}

function runs(record: InstallRecord): boolean {
  return record.edition === 'enterprise' || (record.pid !== undefined && isAlive(record.pid))
}

/** What there is to install. @throws UserError INSTALL_EDITION */
function installable({ name, edition }: NamedTarget): InstallableEdition {
  if (edition !== 'auto' && edition !== 'embedded') return edition
  throw new UserError('INSTALL_EDITION', `What to install for ${name} is not said.`, {
    suggestion: `Set \`edition\` of the target '${name}' in tpctl.config.ts: a server that is not there cannot be asked.`,
  })
}

/** @throws UserError INSTALL_NOT_NEEDED, INSTALL_ELSEWHERE */
function isHere(target: NamedTarget): void {
  if (target.edition === 'embedded') {
    throw new UserError('INSTALL_NOT_NEEDED', 'The embedded engine comes with tpctl.', {
      suggestion: 'npx tpctl bootstrap starts it. Name another target with --target to install a server.',
    })
  }
  const { hostname } = new URL(target.url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const here = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
  if (here) return
  throw new UserError('INSTALL_ELSEWHERE', `Target ${target.name} is on ${hostname}, not on this machine.`, {
    suggestion: 'Run the command there, or leave out --install to deploy to what runs there.',
  })
}
