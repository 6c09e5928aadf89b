import { expect, it } from 'vitest'
import { junitXml } from '../../cli/junit.js'

it('writes what CI systems read, whatever stands in the texts', () => {
  const xml = junitXml('suite', [
    { group: 'a', title: 'fine', seconds: 0.0014 },
    { group: 'a', title: 'broken "here"', seconds: 1, failure: 'no such column <a>\nsecond line' },
    { group: 'b', title: 'left out', seconds: 0, skipped: 'no & never' },
  ])
  expect(xml).toContain('<testsuite name="suite" tests="3" failures="1" skipped="1">')
  expect(xml).toContain('<testcase classname="a" name="fine" time="0.001"/>')
  expect(xml).toContain('name="broken &quot;here&quot;"')
  expect(xml).toContain('message="no such column &lt;a&gt;&#10;second line"')
  expect(xml).toContain('<skipped message="no &amp; never"/>')
})
