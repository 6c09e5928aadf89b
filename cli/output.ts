import cliProgress from 'cli-progress'
import { ProtonError } from '../driver/index.js'
import { renderTable, type TableColumn } from './table.js'

/** Where everything that a command says goes: text for people, or one JSON document for programs. */
export interface Output {
  readonly json: boolean
  readonly color: Painter
  /** A line for people on stdout; nothing with `--json` or `--quiet`. */
  line(text?: string): void
  /** A remark on stderr; nothing with `--quiet`. */
  note(text: string): void
  /** A table for people on stdout. */
  table(columns: TableColumn[], rows: unknown[][]): void
  /** What a program gets with `--json`: exactly one document per command, on stdout. */
  result(value: unknown): void
  /** Raw data that the user asked for (query results, scripts): always on stdout. Waits while the reader is slow. */
  data(chunk: string | Uint8Array): Promise<void>
  /** A bar on stderr where that is a terminal, otherwise silent. */
  progress(label: string, total?: number): Progress
  failure(error: unknown, debug: boolean): void
}

export interface Progress {
  update(done: number, total?: number): void
  stop(): void
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'
export type Painter = (style: Style, text: string) => string

const ANSI: Record<Style, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

export interface OutputOptions {
  json?: boolean
  quiet?: boolean
  /** `--no-color`; the NO_COLOR convention and pipes switch it off too. */
  color?: boolean
}

export function createOutput(options: OutputOptions): Output {
  const json = options.json ?? false
  const silent = json || (options.quiet ?? false)
  const colorful =
    (options.color ?? true) && process.env.NO_COLOR === undefined && process.stdout.isTTY === true
  const color: Painter = (style, text) => {
    if (!colorful) return text
    const [on, off] = ANSI[style]
    return `\u001b[${on}m${text}\u001b[${off}m`
  }
  return {
    json,
    color,
    line(text = '') {
      if (!silent) process.stdout.write(`${text}\n`)
    },
    note(text) {
      if (!(options.quiet ?? false)) process.stderr.write(`${text}\n`)
    },
    table(columns, rows) {
      if (!silent) process.stdout.write(`${renderTable(columns, rows)}\n`)
    },
    result(value) {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`)
    },
    async data(chunk) {
      if (!process.stdout.write(chunk)) {
        await new Promise<void>((resolve) => process.stdout.once('drain', resolve))
      }
    },
    progress: (label, total) => (silent ? SILENT : startBar(label, total)),
    failure(error, debug) {
      const report = describeError(error)
      if (json) process.stdout.write(`${JSON.stringify({ error: report })}\n`)
      else process.stderr.write(`${renderError(report, color)}\n`)
      if (debug && error instanceof Error && error.stack) process.stderr.write(`${error.stack}\n`)
    },
  }
}

const SILENT: Progress = { update() {}, stop() {} }

function startBar(label: string, total?: number): Progress {
  if (process.stderr.isTTY !== true) return SILENT
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    format: total === undefined ? `${label} {value}` : `${label} {bar} {value}/{total}`,
  })
  bar.start(total ?? 0, 0)
  return {
    update(done, newTotal) {
      if (newTotal !== undefined) bar.setTotal(newTotal)
      bar.update(done)
    },
    stop: () => bar.stop(),
  }
}

export interface ErrorReport {
  code: string
  message: string
  where?: string
  detail?: string
  suggestion?: string
}

/** Any thrown thing → what is told. Errors of other rooms are read by shape: a code, a message, what to do. */
export function describeError(error: unknown): ErrorReport {
  if (!(error instanceof Error)) return { code: 'UNEXPECTED', message: String(error) }
  if (error instanceof ProtonError && error.code === 0) return transportReport(error)
  const fields = error as Error & Partial<Record<'code' | 'where' | 'detail' | 'suggestion', unknown>>
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)
  return {
    code: typeof fields.code === 'number' ? `PROTON_${fields.code}` : (text(fields.code) ?? 'UNEXPECTED'),
    message: error.message,
    where: text(fields.where),
    detail: text(fields.detail),
    suggestion: text(fields.suggestion),
  }
}

const TRANSPORT_ADVICE: Record<string, string> = {
  UNREACHABLE: 'Start it (npx tpctl up for the embedded engine), or check the target in tpctl.config.ts.',
  TIMEOUT: 'Try again; npx tpctl status shows whether the target is busy.',
  BROKEN: 'The connection ended early: look whether the target still runs, and repeat the command.',
  UNEXPECTED_ANSWER: 'Something else than Proton may listen there: check the url of the target.',
}

/** A failure before, or without, an answer of the target. */
function transportReport(error: ProtonError): ErrorReport {
  return {
    code: error.unreachable ? 'TARGET_UNREACHABLE' : `TARGET_${error.codeName}`,
    message: error.message,
    suggestion: TRANSPORT_ADVICE[error.codeName],
  }
}

function renderError(report: ErrorReport, color: Painter): string {
  const lines = [`${color('red', 'error')} ${color('dim', `[${report.code}]`)} ${report.message}`]
  if (report.where) lines.push(`  at ${report.where}`)
  if (report.detail) lines.push(...report.detail.split('\n').map((line) => `  ${line}`))
  if (report.suggestion) lines.push(`  ${color('cyan', 'try:')} ${report.suggestion}`)
  return lines.join('\n')
}
