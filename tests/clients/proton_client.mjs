// What an application does with Proton's JavaScript driver, without a dependency and with nothing of this project.
// As a program it prints rows: node proton_client.mjs <port> <sql> [<number of rows after which to abort>]
class ProtonClient {
  constructor({ host = '127.0.0.1', port = 3218 } = {}) {
    this.url = `http://${host}:${port}/?default_format=JSONEachRow`
  }
  async query(sql) {
    const controller = new AbortController()
    const response = await fetch(this.url, { method: 'POST', body: sql, signal: controller.signal })
    if (!response.ok) throw new Error(await response.text())
    return { rows: this.rows(response.body), abort: () => controller.abort() }
  }
  async *rows(body, rest = '') {
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      for (const line of lines) if (line !== '') yield JSON.parse(line)
    }
  }
}

const [port, sql, limit = Number.POSITIVE_INFINITY] = process.argv.slice(2)
const { rows, abort } = await new ProtonClient({ port }).query(sql)
let left = Number(limit)
try {
  for await (const row of rows) {
    console.log(JSON.stringify(row))
    if (--left === 0) abort()
  }
} catch (error) {
  if (error.name !== 'AbortError') throw error
}
