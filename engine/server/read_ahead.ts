/**
 * Pulls a source ahead of its consumer, up to a number of bytes. A result that fits is read from the store at
 * once, so that a slow client holds back a session of the store only where its result is large.
 */
export async function* readAhead(
  source: AsyncIterable<Uint8Array>,
  limitBytes: number,
): AsyncIterable<Uint8Array> {
  const queue: Uint8Array[] = []
  let bytes = 0
  let finished = false
  let left = false
  let failure: { cause: unknown } | undefined
  let wake: (() => void) | undefined
  const notify = () => {
    wake?.()
    wake = undefined
  }
  const changed = () =>
    new Promise<void>((resolve) => {
      wake = resolve
    })
  const pulling = (async () => {
    try {
      for await (const chunk of source) {
        if (left) return
        queue.push(chunk)
        bytes += chunk.length
        notify()
        while (bytes > limitBytes && !left) await changed()
      }
    } catch (cause) {
      failure = { cause }
    } finally {
      finished = true
      notify()
    }
  })()
  try {
    for (;;) {
      const chunk = queue.shift()
      if (chunk !== undefined) {
        yield chunk
        bytes -= chunk.length
        notify()
      } else if (finished) break
      else await changed()
    }
    if (failure) throw failure.cause
  } finally {
    left = true
    notify()
    await pulling
  }
}
