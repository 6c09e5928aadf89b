// Writes docs/fidelity.md from reports of the smoke suite's runner (`--json`): `node tools/fidelity.mjs report.json …`.
// Where reports overlap, the later one counts.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const percent = (passed, run) => `${((100 * passed) / run).toFixed(1)} %`
const shortened = (text) =>
  text
    .replace(/\s+/g, ' ')
    .replaceAll('|', '\\|')
    .replace(/^(.{180}).+$/, '$1…')

const suite = new URL('../../shared/proton/smoke/CATEGORIES.json', import.meta.url)

/** How many cases the suite has; empty where it is absent. */
function casesPerCategory() {
  const totals = new Map()
  if (!existsSync(suite)) return totals
  const names = Object.values(JSON.parse(readFileSync(suite, 'utf8'))).flatMap((file) => Object.values(file))
  for (const name of names) totals.set(name, (totals.get(name) ?? 0) + 1)
  return totals.set('**all**', names.length)
}

/** `paths`: files with a report each. */
export function writeFidelity(paths) {
  const reports = paths.map((path) => JSON.parse(readFileSync(path, 'utf8')))
  const totals = casesPerCategory()
  const cases = new Map()
  for (const report of reports) for (const one of report.cases) cases.set(`${one.file}:${one.id}`, one)
  const all = [...cases.values()]
  const rows = [...new Set(all.map((one) => one.category))].sort().map((category) => {
    const own = all.filter((one) => one.category === category)
    return [category, own.length, own.filter((one) => one.passed).length]
  })
  rows.push(['**all**', all.length, all.filter((one) => one.passed).length])
  const day = reports.at(-1).startedAt.slice(0, 10)
  const failed = all.filter((one) => !one.passed).sort((a, b) => (a.category < b.category ? -1 : 1))
  const text = [
    '# Fidelity',
    '',
    "How many cases of Proton 1.6.1's own smoke suite the embedded engine passes, one attempt each. Written by",
    `\`npm run smoke:proton\`; last run ${day}.`,
    '',
    'A category with fewer cases run than it has was run in part.',
    '',
    '| category | cases | run | passed | |',
    '|---|---:|---:|---:|---:|',
    ...rows.map(
      ([name, run, passed]) =>
        `| ${name} | ${totals.get(name) ?? run} | ${run} | ${passed} | ${percent(passed, run)} |`,
    ),
    '',
    '## What fails',
    '',
    ...failed.map((one) => `- ${one.category}, ${one.file}:${one.id} ${one.name}: ${shortened(one.reason)}`),
    '',
  ]
  const folder = new URL('../docs/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL('fidelity.md', folder), text.join('\n'))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFidelity(process.argv.slice(2))
