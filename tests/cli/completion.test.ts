import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { completionsOf } from '../../cli/completion/model.js'
import { completionScript, SHELLS } from '../../cli/completion/scripts.js'
import { createProgram } from '../../cli/program.js'

const places = completionsOf(await createProgram())

const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0

/** What bash offers for the words of a line; the last is the one that is being typed. */
function bash(...words: string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ')
  const script = `${completionScript('bash', places)}
COMP_WORDS=(tpctl ${line}); COMP_CWORD=${words.length}; _tpctl; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout.split('\n').filter((offer) => offer !== '')
}

describe.skipIf(!has('bash'))(has('bash') ? 'bash' : 'bash (skipped: it is not installed)', () => {
  it('offers commands, options and their values', () => {
    expect(bash('ren')).toEqual(['render'])
    expect(bash('udf', '')).toEqual(expect.arrayContaining(['list', 'render', 'serve']))
    expect(bash('udf', 'serve', '--ho')).toEqual(['--host'])
    expect(bash('render', '--edition', 'oss')).toEqual(['oss-1.6', 'oss-3'])
    expect(bash('--json', 'plan', '--detailed')).toEqual(['--detailed-exitcode'])
    expect(bash('test', '--wat')).toEqual(['--watch'])
    expect(bash('completion', '')).not.toContain('--edition')
  })

  it('does not offer what is hidden', () => {
    expect(bash('udf', 'serve', '--')).not.toContain('--ready-file')
  })
})

describe.each(SHELLS.filter((shell) => shell !== 'bash'))('%s', (shell) => {
  const script = completionScript(shell, places)

  it('knows every command and every option', () => {
    for (const { commands, options } of places) {
      for (const { name } of commands) expect(script).toContain(name)
      for (const { flags } of options)
        for (const flag of flags) expect(script).toContain(shell === 'fish' ? flag.replace(/^--?/, '') : flag)
    }
  })

  const title = 'is a script that the shell reads'
  it.skipIf(!has(shell))(has(shell) ? title : `${title} (skipped: ${shell} is not installed)`, () => {
    const { stderr, status } = spawnSync(shell, ['-n', '/dev/stdin'], { input: script, encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })

  it('has its quotes and brackets in pairs', () => {
    for (const line of script.split('\n')) {
      const quotes = line.replaceAll(/\$?"[^"]*"/g, '').split("'").length - 1
      expect(quotes % 2, line).toBe(0)
    }
  })
})
