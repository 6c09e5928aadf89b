import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from 'tar'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { obtain } from '../../../cli/install/download.js'
import { releaseOf } from '../../../cli/install/releases.js'
import { unpack } from '../../../cli/install/unpack.js'

let dir: string
let server: Server
let answer: (request: IncomingMessage, response: ServerResponse) => void
let asked: (string | undefined)[]
let url: string

const FILE = Buffer.from(`#!/bin/sh\n${'echo it runs\n'.repeat(5_000)}`)
const SUM = createHash('sha256').update(FILE).digest('hex')

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tpctl-fetch-'))
  asked = []
  server = createServer((request, response) => {
    asked.push(request.headers.range)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/releases/proton-v1`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
  rmSync(dir, { recursive: true, force: true })
})

describe('a download', () => {
  it('that is cut off goes on where it stopped', async () => {
    answer = (request, response) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': FILE.length - from })
      if (from > 0) response.end(FILE.subarray(from))
      else response.write(FILE.subarray(0, 30_000), () => setTimeout(() => response.destroy(), 50))
    }
    const seen: number[] = []
    const fetched = await obtain(url, dir, { sha256: SUM, onProgress: (done) => seen.push(done) })
    expect(readFileSync(fetched.file).equals(FILE)).toBe(true)
    expect(asked).toEqual([undefined, 'bytes=30000-'])
    expect(seen.at(-1)).toBe(FILE.length)
  })

  it('follows redirects, as releases need', async () => {
    answer = (request, response) => {
      if (request.url === '/elsewhere') response.end(FILE)
      else response.writeHead(302, { location: '/elsewhere' }).end()
    }
    expect((await obtain(url, dir, {})).sha256).toBe(SUM)
  })

  it('is not repeated where the wanted file is there', async () => {
    answer = (_, response) => response.end(FILE)
    await obtain(url, dir, { sha256: SUM })
    await obtain(url, dir, { sha256: SUM.toUpperCase() })
    expect(asked).toHaveLength(1)
  })

  it('of another file is refused and not kept', async () => {
    answer = (_, response) => response.end('<html>a portal page</html>')
    await expect(obtain(url, dir, { sha256: SUM })).rejects.toMatchObject({
      code: 'INSTALL_CHECKSUM',
      detail: expect.stringContaining(SUM),
    })
    expect(() => statSync(join(dir, 'proton-v1'))).toThrow()
  })

  it('of what does not exist is not tried again', async () => {
    answer = (_, response) => response.writeHead(404).end()
    await expect(obtain(url, dir, {})).rejects.toMatchObject({
      code: 'INSTALL_SOURCE',
      message: expect.stringContaining('404'),
    })
    expect(asked).toHaveLength(1)
  })

  it('ends when asked to', async () => {
    answer = (_, response) => response.write('x')
    const abort = new AbortController()
    const done = obtain(url, dir, { signal: abort.signal })
    setTimeout(() => abort.abort(new Error('enough')), 50)
    await expect(done).rejects.toThrow('enough')
  })
})

describe('unpacking', () => {
  it('a single program replaces the old one, though that runs', async () => {
    const file = join(dir, 'download')
    const release = releaseOf('oss-1.6')
    for (const text of ['#!/bin/sh\necho one', '#!/bin/sh\necho two']) {
      writeFileSync(file, text)
      const program = await unpack(file, release, join(dir, 'program'))
      expect(readFileSync(program, 'utf8')).toBe(text)
      expect(statSync(program).mode & 0o111).toBe(0o111)
    }
  })

  it('an archive leaves what stands beside its programs', async () => {
    const release = releaseOf('enterprise')
    const tree = join(dir, 'tree')
    mkdirSync(join(tree, 'timeplus', 'bin'), { recursive: true })
    writeFileSync(join(tree, release.program), '#!/bin/sh\n')
    chmodSync(join(tree, release.program), 0o644)
    const file = join(dir, 'package')
    await create({ gzip: true, file, cwd: tree }, ['timeplus'])
    const folder = join(dir, 'program')
    mkdirSync(join(folder, 'timeplus', 'data'), { recursive: true })
    writeFileSync(join(folder, 'timeplus', 'data', 'rows'), 'kept')
    const program = await unpack(file, release, folder)
    expect(statSync(program).mode & 0o111).toBe(0o111)
    expect(readFileSync(join(folder, 'timeplus', 'data', 'rows'), 'utf8')).toBe('kept')
  })

  it('takes nothing else for a program', async () => {
    const file = join(dir, 'download')
    for (const text of ['<!doctype html><title>Sign in</title>', '']) {
      writeFileSync(file, text)
      await expect(unpack(file, releaseOf('oss-1.6'), dir)).rejects.toMatchObject({
        code: 'INSTALL_NOT_A_PROGRAM',
      })
    }
    writeFileSync(join(dir, 'source'), 'no program in here')
    await create({ gzip: true, file, cwd: dir }, ['source'])
    await expect(unpack(file, releaseOf('enterprise'), dir)).rejects.toMatchObject({
      code: 'INSTALL_NOT_A_PROGRAM',
    })
  })
})
