import { structuredPatch } from 'diff'
import type { Output, Style } from './output.js'

/** Lines around a change that stay as they are. */
const CONTEXT = 2

const STYLES: Record<string, Style> = { '+': 'green', '-': 'red', ' ': 'dim' }

/** What differs between two texts, a line each, coloured. */
export function diffLines(output: Output, before: string, after: string): string[] {
  const { hunks } = structuredPatch('', '', `${before}\n`, `${after}\n`, '', '', { context: CONTEXT })
  return hunks.flatMap(({ lines }, at) => [
    ...(at === 0 ? [] : [output.color('dim', '  …')]),
    ...lines
      .filter((line) => !line.startsWith('\\'))
      .map((line) => output.color(STYLES[line[0]!] ?? 'dim', `${line[0]} ${line.slice(1)}`)),
  ])
}
