// Writes docs/fidelity.md from reports of the smoke suite's runner (`--json`): `node tools/fidelity.mjs report.json …`.
// Where reports overlap, the later one counts.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const percent = (passed, run) => `${((100 * passed) / run).toFixed(1)} %`
const shortened = (text) =>
  text
    .replace(/\s+/g, ' ')
    .replaceAll('|', '\\|')
    .replace(/^(.{180}).+$/, '$1…')

/** `paths`: files with a report each. */
export function writeFidelity(paths) {
  const reports = paths.map((path) => JSON.parse(readFileSync(path, 'utf8')))
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
    '| category | cases | passed | |',
    '|---|---:|---:|---:|',
    ...rows.map(([name, run, passed]) => `| ${name} | ${run} | ${passed} | ${percent(passed, run)} |`),
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
