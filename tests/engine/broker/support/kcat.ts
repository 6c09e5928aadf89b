import { spawn, spawnSync } from 'node:child_process'

export const installed = spawnSync('kcat', ['-V']).status === 0
if (!installed) console.warn('kcat is not installed: its tests are skipped')

export interface Run {
  out: string
  err: string
  status: number | null
}

/** Runs kcat to its end. */
export function kcat(args: string[], input = ''): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn('kcat', args, { timeout: 20_000 })
    const run: Run = { out: '', err: '', status: null }
    child.stdout.on('data', (chunk) => (run.out += String(chunk)))
    child.stderr.on('data', (chunk) => (run.err += String(chunk)))
    child.on('error', reject)
    child.on('close', (status) => resolve({ ...run, status }))
    child.stdin.end(input)
  })
}

export const lines = (text: string) => text.split('\n').filter((line) => line !== '')
