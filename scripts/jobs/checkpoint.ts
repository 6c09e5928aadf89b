import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../../dialect/user_error.js'

/** What a runner remembers of one job: a JSON file that is either the old one or the new one, whatever happens. */
export class Checkpoint<T extends object> {
  constructor(readonly path: string) {}

  /** The checkpoint of a job, among others in a folder. */
  static of<T extends object>(folder: string, job: string): Checkpoint<T> {
    return new Checkpoint(join(folder, `${encodeURIComponent(job)}.json`))
  }

  /** Undefined where there is none yet. @throws UserError CHECKPOINT_BROKEN */
  async read(): Promise<T | undefined> {
    let text: string
    try {
      text = await readFile(this.path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw this.#broken(error)
    }
    try {
      return JSON.parse(text) as T
    } catch (error) {
      throw this.#broken(error)
    }
  }

  /** Resolves once it is on the disk. @throws UserError CHECKPOINT_NOT_WRITABLE */
  async write(value: T): Promise<void> {
    await writeDurably(this.path, `${JSON.stringify(value)}\n`).catch((cause: unknown) => {
      throw new UserError('CHECKPOINT_NOT_WRITABLE', `${this.path} cannot be written.`, {
        detail: (cause as Error).message,
        suggestion: 'Free some space, or name another folder with --state.',
        cause,
      })
    })
  }

  #broken(cause: unknown): UserError {
    return new UserError('CHECKPOINT_BROKEN', `${this.path} cannot be read.`, {
      detail: (cause as Error).message,
      suggestion: 'Correct it, or remove it: the job then begins as if it had never run.',
      cause,
    })
  }
}

/** Puts a file in place in one step that outlives a power cut. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = `${path}.new`
  const file = await open(draft, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  } finally {
    await file.close()
  }
  await rename(draft, path)
  await syncFolder(folder)
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } catch {
    // Not every system can; the rename is then as safe as the file system makes it.
  } finally {
    await folder.close()
  }
}
