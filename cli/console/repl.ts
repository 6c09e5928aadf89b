import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { META } from './meta.js'
import { type ConsoleSession, sessionError } from './session.js'
import { isInsideQuote, splitStatements } from './statements.js'

const PROMPT = 'tpctl> '
const CONTINUATION = '   ... '
const HISTORY_LINES = 1000

export interface ReplOptions {
  session: ConsoleSession
  historyFile: string
  input: NodeJS.ReadableStream & { isTTY?: boolean }
}

/**
 * Reads statements until `\q` or the end of the input. Ctrl-C ends a running query, or drops what is typed so
 * far. Returns the number of failed statements.
 */
export async function repl({ session, historyFile, input }: ReplOptions): Promise<number> {
  const interactive = input.isTTY === true
  const readline = createInterface({
    input,
    output: interactive ? process.stdout : undefined,
    terminal: interactive,
    historySize: HISTORY_LINES,
    history: interactive ? readHistory(historyFile) : [],
    prompt: PROMPT,
  })
  let buffer = ''
  let failures = 0
  let running: AbortController | undefined

  const prompt = () => {
    if (!interactive) return
    readline.setPrompt(buffer.trim() === '' ? PROMPT : CONTINUATION)
    readline.prompt()
  }
  const attempt = async (work: (signal: AbortSignal) => Promise<void>) => {
    running = new AbortController()
    try {
      await work(running.signal)
    } catch (error) {
      failures++
      if (session.output.json) session.output.failure(error, false)
      else session.output.note(session.output.color('red', sessionError(error)))
    } finally {
      running = undefined
    }
  }

  readline.on('SIGINT', () => {
    if (running) running.abort()
    else {
      buffer = ''
      readline.write(null, { ctrl: true, name: 'u' })
      process.stdout.write('\n')
      prompt()
    }
  })

  prompt()
  try {
    for await (const line of readline) {
      if (line.trimStart().startsWith('\\') && !isInsideQuote(buffer)) {
        const [name, argument = ''] = line.trim().slice(1).split(/\s+/, 2)
        if (name === 'q') break
        const command = META[name!]
        if (command) await attempt((signal) => command.run(session, argument, signal))
        else session.output.note(`No command \\${name}. \\? lists them.`)
      } else {
        const split = splitStatements(`${buffer}${line}\n`)
        buffer = split.rest
        for (const statement of split.complete) await attempt((signal) => session.run(statement, signal))
      }
      prompt()
    }
    const last = buffer.trim()
    if (last !== '' && !interactive) await attempt((signal) => session.run(last, signal))
  } finally {
    if (interactive) writeHistory(historyFile, (readline as unknown as { history?: string[] }).history ?? [])
    readline.close()
  }
  return failures
}

function readHistory(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean).slice(0, HISTORY_LINES)
  } catch {
    return []
  }
}

/** Newest first, as readline keeps it. Lines that may hold a secret are left out. */
function writeHistory(file: string, history: string[]): void {
  const lines = history.filter((line) => !/password|auth_key|identified/i.test(line))
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, lines.slice(0, HISTORY_LINES).join('\n'), { mode: 0o600 })
  } catch {
    // A history that cannot be kept is no reason to fail.
  }
}
