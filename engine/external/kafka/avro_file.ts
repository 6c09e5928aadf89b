/**
 * A message in Avro is one value without its schema; the store reads Avro only from container files, which begin with
 * theirs. So each message is put into a file of one block with one value.
 * https://avro.apache.org/docs/current/specification/#object-container-files
 */
export function avroFile(schema: string, value: Buffer): Buffer {
  const sync = Buffer.alloc(16)
  return Buffer.concat([
    Buffer.from('Obj\x01', 'latin1'),
    long(2),
    bytes('avro.schema'),
    bytes(schema),
    bytes('avro.codec'),
    bytes('null'),
    long(0),
    sync,
    long(1),
    bytes(value),
    sync,
  ])
}

function bytes(value: string | Buffer): Buffer {
  const content = Buffer.from(value)
  return Buffer.concat([long(content.length), content])
}

/** Zigzag, seven bits to a byte. */
function long(value: number): Buffer {
  const encoded: number[] = []
  let rest = value * 2
  for (; rest > 127; rest = Math.floor(rest / 128)) encoded.push((rest % 128) + 128)
  return Buffer.from([...encoded, rest])
}
