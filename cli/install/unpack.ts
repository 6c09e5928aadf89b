import { chmod, copyFile, mkdir, open, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { extract } from 'tar'
import { UserError } from '../../dialect/user_error.js'
import type { Release } from './releases.js'

const GZIP = Buffer.from([0x1f, 0x8b])
const PROGRAMS = [
  Buffer.from('\u007fELF', 'latin1'),
  Buffer.from('#!'),
  // Mach-O: 64 bit, and universal.
  Buffer.from([0xcf, 0xfa, 0xed, 0xfe]),
  Buffer.from([0xca, 0xfe, 0xba, 0xbe]),
]

/**
 * Puts the program into `folder` and says where it is. An archive is unpacked over what is there, so that the data an
 * older version keeps beside its programs stay; a single program takes the old one's place at once.
 * @throws UserError INSTALL_NOT_A_PROGRAM
 */
export async function unpack(file: string, release: Release, folder: string): Promise<string> {
  const start = await firstBytes(file)
  const archive = start.subarray(0, 2).equals(GZIP)
  if (!archive && !PROGRAMS.some((magic) => start.subarray(0, magic.length).equals(magic))) {
    throw notAProgram(file, 'It is neither a program nor a tar.gz.')
  }
  await mkdir(folder, { recursive: true })
  const program = join(folder, release.program)
  if (archive) {
    await extract({ file, cwd: folder }).catch((cause: Error) => {
      throw notAProgram(file, cause.message)
    })
    if (!(await isFile(program))) throw notAProgram(file, `The archive has no ${release.program}.`)
  } else {
    await mkdir(dirname(program), { recursive: true })
    const fresh = `${program}.new`
    await copyFile(file, fresh)
    await rename(fresh, program)
  }
  await chmod(program, 0o755)
  return program
}

function notAProgram(file: string, detail: string): UserError {
  return new UserError('INSTALL_NOT_A_PROGRAM', `${file} cannot be installed.`, {
    detail,
    suggestion: 'Look what the source really serves; nothing was changed.',
  })
}

async function firstBytes(file: string): Promise<Buffer> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}
