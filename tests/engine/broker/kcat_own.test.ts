import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { TEST_CERT, TEST_KEY } from '../../driver/tls_cert.js'
import { installed, kcat, lines } from './support/kcat.js'
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

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'logs in by %s over TLS, or not at all',
    async (mechanism) => {
      const ca = join(tempDir(), 'ca.pem')
      writeFileSync(ca, TEST_CERT)
      const tls = { cert: TEST_CERT, key: TEST_KEY }
      const broker = await testBroker({ tls, users: { shop: 'open, sesame=' } })
      broker.createTopic('t')
      const asShop = (password: string) => [
        ...['-b', broker.brokers, '-X', 'security.protocol=SASL_SSL', '-X', `ssl.ca.location=${ca}`],
        ...[
          '-X',
          `sasl.mechanism=${mechanism}`,
          '-X',
          'sasl.username=shop',
          '-X',
          `sasl.password=${password}`,
        ],
      ]
      expect(await kcat(['-P', '-t', 't', ...asShop('open, sesame=')], 'hello\n')).toMatchObject({
        status: 0,
      })
      const read = await kcat(['-C', '-t', 't', '-e', '-q', ...asShop('open, sesame=')])
      expect(lines(read.out), read.err).toEqual(['hello'])
      const refused = await kcat(['-P', '-t', 't', ...asShop('wrong')], 'hello\n')
      expect(refused).toMatchObject({ err: expect.stringMatching(/authentication fail/i) })
      expect(broker.endOffsets('t')).toEqual([1])
    },
  )
})
