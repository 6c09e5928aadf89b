/** One test for a CI system. */
export interface JunitCase {
  /** What it belongs to: a file, a view. */
  group: string
  title: string
  seconds: number
  /** What is wrong; absent when it passed. */
  failure?: string
  /** Why it was not run. */
  skipped?: string
}

/** JUnit XML, as CI systems read it. */
export function junitXml(suite: string, cases: readonly JunitCase[]): string {
  const failures = cases.filter(({ failure }) => failure !== undefined).length
  const skipped = cases.filter((one) => one.skipped !== undefined).length
  const lines = cases.map((one) => {
    const open = `    <testcase classname="${escapeXml(one.group)}" name="${escapeXml(one.title)}" time="${one.seconds.toFixed(3)}"`
    if (one.failure !== undefined)
      return `${open}>\n      <failure message="${escapeXml(one.failure)}"/>\n    </testcase>`
    if (one.skipped !== undefined)
      return `${open}>\n      <skipped message="${escapeXml(one.skipped)}"/>\n    </testcase>`
    return `${open}/>`
  })
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite name="${escapeXml(suite)}" tests="${cases.length}" failures="${failures}" skipped="${skipped}">`,
    ...lines,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function escapeXml(text: string): string {
  return text
    .replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char]!)
    .replaceAll('\n', '&#10;')
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '�')
}
