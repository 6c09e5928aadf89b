import type { Edition } from '../../bootstrap/config.js'
import { UserError } from '../../dialect/user_error.js'

export type InstallableEdition = Exclude<Edition, 'embedded'>

/** How the program of an edition comes and is run. */
export interface Release {
  /** Where it is fetched from unless `--from` says otherwise. */
  url: string
  version: string
  /** `binary`: the file is the program. `archive`: a tar.gz in which the program stands at `program`. */
  form: 'binary' | 'archive'
  /** Path of the program below the folder it is installed in. */
  program: string
}

/** Versions that docker-compose.yml pins too (a test compares); oss-3 is the release that this project's dialect follows. */
export const DEFAULT_VERSIONS: Record<InstallableEdition, string> = {
  'oss-1.6': '1.6.1',
  'oss-3': '3.0.3',
  enterprise: '2.8.2',
}

const VERSION = /^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/

/**
 * The release of an edition for a machine. Proton is published as one binary per platform among the releases of its
 * repository, Timeplus Enterprise as a tar.gz per platform on the vendor's download host.
 * @throws UserError INSTALL_VERSION, INSTALL_PLATFORM
 */
export function releaseOf(
  edition: InstallableEdition,
  version: string = DEFAULT_VERSIONS[edition],
  platform: NodeJS.Platform = process.platform,
  arch: string = process.arch,
): Release {
  if (!VERSION.test(version)) {
    throw new UserError('INSTALL_VERSION', `'${version}' is not a version.`, {
      suggestion: `Give all three numbers: --version ${DEFAULT_VERSIONS[edition]}`,
    })
  }
  const names = PLATFORMS[`${platform}-${arch}`]
  if (!names) {
    throw new UserError('INSTALL_PLATFORM', `There is no build for ${platform} on ${arch}.`, {
      detail: `Builds: ${Object.keys(PLATFORMS).join(', ')}`,
      suggestion: 'Use docker compose, or name a build of your own with --from.',
    })
  }
  return edition === 'enterprise'
    ? {
        url: `https://d.timeplus.com/timeplus-enterprise-v${version}-${names.enterprise}.tar.gz`,
        version,
        form: 'archive',
        program: 'timeplus/bin/timeplus',
      }
    : {
        url: `https://github.com/timeplus-io/proton/releases/download/v${version}/proton-v${version}-${names.oss}`,
        version,
        form: 'binary',
        program: 'proton',
      }
}

const PLATFORMS: Record<string, { oss: string; enterprise: string }> = {
  'linux-x64': { oss: 'Linux-x86_64', enterprise: 'linux-amd64' },
  'linux-arm64': { oss: 'Linux-aarch64', enterprise: 'linux-arm64' },
  'darwin-x64': { oss: 'Darwin-x86_64', enterprise: 'darwin-amd64' },
  'darwin-arm64': { oss: 'Darwin-arm64', enterprise: 'darwin-arm64' },
}
