import kafkajs from 'kafkajs'
import { decompress, READABLE_CODECS } from '../../broker/protocol/compression.js'
import { EngineError } from '../../errors.js'

const { CompressionCodecs, CompressionTypes } = kafkajs

/** Name and number (in a batch's attributes) of the codecs that kafkajs does not bring along. */
const CODECS = [
  [CompressionTypes.Snappy, 'snappy', 2],
  [CompressionTypes.LZ4, 'lz4', 3],
  [CompressionTypes.ZSTD, 'zstd', 4],
] as const

/** Teaches kafkajs to read what other producers compress. What the engine writes is not compressed. */
export function registerCodecs(): void {
  for (const [type, name, attributes] of CODECS) {
    CompressionCodecs[type] = () => ({
      compress: () => Promise.reject(new Error(`The engine does not write ${name}`)),
      async decompress(data: Buffer) {
        if (!READABLE_CODECS.has(name)) {
          throw new EngineError(
            'NOT_IMPLEMENTED',
            `The topic has ${name} batches, which Node ${process.version} cannot read: Node 22.15 or newer can`,
          )
        }
        return decompress({ attributes }, data)
      },
    })
  }
}
