import { spawn } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { installed, lines } from './support/kcat.js'
import { tempDir, testBroker, until } from './support/temp.js'

describe.skipIf(!installed)('a broker of the engine, by kcat', () => {
  it('follows a topic while it is written, and finds it again after the broker restarts', async () => {
    const dir = tempDir()
    const first = await testBroker({ dir })
    first.createTopic('t', { partitions: 2 })
    const child = spawn('kcat', [
      '-b',
      first.brokers,
      '-C',
      '-t',
      't',
      '-u',
      '-q',
      '-E',
      '-X',
      'reconnect.backoff.max.ms=200',
    ])
    try {
      let out = ''
      child.stdout.on('data', (chunk) => (out += String(chunk)))
      await first.append('t', 0, [{ value: 'before' }])
      await until(() => out.includes('before'), 'the first message')
      await first.close()
      const again = await testBroker({ dir, port: first.port })
      await again.append('t', 1, [{ value: 'after' }])
      await until(() => out.includes('after'), 'the message after the restart')
      expect(lines(out)).toEqual(['before', 'after'])
    } finally {
      child.kill('SIGKILL')
    }
  })
})
