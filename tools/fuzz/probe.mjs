/** Thread of `Victim`: asks for a ping again and again, and notes the longest that one took. */
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'

const EVERY_MS = 50
const { url, longest } = workerData

for (;;) {
  const started = performance.now()
  const answered = await new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: 15_000 }, (response) => {
      response.resume()
      response.once('end', () => resolve(true)).once('error', () => resolve(false))
    })
    request.once('error', () => resolve(false)).once('timeout', () => request.destroy())
  })
  const took = Math.round(performance.now() - started)
  if (answered || took > 1000) Atomics.store(longest, 0, Math.max(Atomics.load(longest, 0), took))
  await sleep(EVERY_MS)
}
