/** The store's query plan as Proton tells it: the same tree, with its names of steps. */

/** What a step of the store does, by Proton's name for it; undefined: bookkeeping of the store's own. */
const STEPS: Record<string, string | undefined> = {
  'Project names': 'Projection',
  Projection: 'Before ORDER BY',
  'Change column names to column identifiers': undefined,
}

const LINE = /^( *)(\w+)(?: \((.*)\))?$/

export function asProtonPlan(lines: string[]): string[] {
  return lines.map((line, i) => {
    const [, blanks = '', step, description = ''] = LINE.exec(line) ?? []
    if (step === undefined) return line
    const isWork = step === 'Expression' || step === 'Filter'
    const reads = isWork && /^ *Read(?:FromMergeTree|Nothing) /.test(lines[i + 1] ?? '')
    const text = isWork ? nested(partsOf(description, reads)) : description
    return `${blanks}${step}${text === '' ? '' : ` (${text})`}`
  })
}

/** The steps that were merged into one; those by which a stream's columns are found in its table left out. */
function partsOf(description: string, reads: boolean): string[] {
  const parts = description
    .replace(/[()]/g, '')
    .split(' + ')
    .map((part) => (part in STEPS ? STEPS[part] : part))
    .filter((part) => part !== undefined)
  const own = parts.length > 2 && reads && parts.at(-2) === 'Projection' && parts.at(-1) === 'Before ORDER BY'
  const kept = own ? parts.slice(0, -2) : parts
  return kept.filter((part, i) => part !== kept[i - 1])
}

/** `(a + (b + c))`, or one part as it is. */
function nested([first, ...others]: string[]): string {
  if (first === undefined) return ''
  return others.length === 0 ? first : `(${first} + ${nested(others)})`
}
