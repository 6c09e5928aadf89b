import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DEFAULT_VERSIONS, releaseOf } from '../../../cli/install/releases.js'
import { ROOT } from '../../e2e/support.js'

describe('releases', () => {
  it('stand where their vendors put them', () => {
    expect(releaseOf('oss-1.6', '1.6.16', 'linux', 'x64').url).toBe(
      'https://github.com/timeplus-io/proton/releases/download/v1.6.16/proton-v1.6.16-Linux-x86_64',
    )
    expect(releaseOf('oss-1.6', '1.5.14', 'darwin', 'arm64').url).toMatch(/proton-v1\.5\.14-Darwin-arm64$/)
    expect(releaseOf('enterprise', '2.8.1', 'linux', 'arm64').url).toBe(
      'https://d.timeplus.com/timeplus-enterprise-v2.8.1-linux-arm64.tar.gz',
    )
  })

  it('default to the versions that docker-compose.yml runs', () => {
    const compose = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')
    expect(compose).toContain(`timeplus-io/proton:${DEFAULT_VERSIONS['oss-1.6']}\n`)
    expect(compose).toContain(`timeplus-enterprise:${DEFAULT_VERSIONS.enterprise}\n`)
  })

  it('need a whole version and a machine there is a build for', () => {
    expect(() => releaseOf('oss-1.6', '1.6')).toThrow(/not a version/)
    expect(() => releaseOf('oss-1.6', '../../etc')).toThrow(/not a version/)
    expect(() => releaseOf('oss-1.6', '1.6.1', 'win32', 'x64')).toThrow(/no build for win32/)
  })
})
