import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Reader, Writer } from '../../../../engine/broker/protocol/bytes.js'
import { type Api, classicNullableString, taggedFields } from '../../../../engine/broker/protocol/codec.js'
import { atEnd } from './temp.js'

/** Speaks to a broker in any version of any API, one request at a time. */
export class WireClient {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  #correlation = 0
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    socket.on('close', () => this.#wake())
    socket.on('error', () => {})
  }

  static async connect(port: number): Promise<WireClient> {
    const socket = connect({ port, host: '127.0.0.1' })
    await once(socket, 'connect')
    atEnd(() => socket.destroy())
    return new WireClient(socket)
  }

  send<Req, Res>(api: Api<Req, Res>, version: number, request: Req): void {
    const flexible = version >= api.flexibleFrom
    const writer = new Writer(version, flexible)
    writer.int16(api.key)
    writer.int16(version)
    writer.int32(++this.#correlation)
    classicNullableString.write(writer, 'test')
    if (flexible) taggedFields.write(writer, undefined)
    api.request.write(writer, request)
    this.sendFrame(writer.toBuffer())
  }

  sendFrame(body: Buffer): void {
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length)
    this.socket.write(Buffer.concat([length, body]))
  }

  /** The next answer, without its length; undefined when the broker closed the connection. */
  async receive(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#received.length >= 4) {
        const end = 4 + this.#received.readInt32BE(0)
        if (this.#received.length >= end) {
          const frame = this.#received.subarray(4, end)
          this.#received = this.#received.subarray(end)
          return frame
        }
      }
      if (this.socket.destroyed || this.socket.readableEnded) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async call<Req, Res>(api: Api<Req, Res>, version: number, request: Req): Promise<Res> {
    this.send(api, version, request)
    const frame = await this.receive()
    if (!frame) throw new Error(`${api.name} v${version}: the broker closed the connection`)
    const flexible = version >= api.flexibleFrom
    const reader = new Reader(frame, version, flexible)
    if (reader.int32() !== this.#correlation) throw new Error('answer to another request')
    if (flexible && api.name !== 'ApiVersions') taggedFields.read(reader)
    const answer = api.response.read(reader)
    if (reader.remaining > 0) throw new Error(`${api.name} v${version}: ${reader.remaining} bytes too many`)
    return answer
  }
}
