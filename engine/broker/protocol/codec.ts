import { MalformedFrame, type Reader, type Writer } from './bytes.js'

/**
 * One description serves reading, writing and the TypeScript type. Each API is a table of fields with
 * the versions they exist in, as in Kafka's own message definitions; "flexible" versions switch to
 * compact lengths and tagged fields here, so that no table has to mention them.
 */
export interface Codec<T> {
  read(reader: Reader): T
  write(writer: Writer, value: T): void
}

export type Value<C> = C extends Codec<infer T> ? T : never

export const int8: Codec<number> = { read: (r) => r.int8(), write: (w, v) => w.int8(v) }
export const int16: Codec<number> = { read: (r) => r.int16(), write: (w, v) => w.int16(v) }
export const int32: Codec<number> = { read: (r) => r.int32(), write: (w, v) => w.int32(v) }
export const int64: Codec<number> = { read: (r) => r.int64(), write: (w, v) => w.int64(v) }
export const boolean: Codec<boolean> = { read: (r) => r.int8() !== 0, write: (w, v) => w.int8(v ? 1 : 0) }

/** A string whose length is always 16 bits, whatever the version: the client id of a request header. */
export const classicNullableString: Codec<string | null> = {
  read(r) {
    const length = r.int16()
    return length < 0 ? null : r.bytes(length).toString('utf8')
  },
  write(w, value) {
    if (value === null) return w.int16(-1)
    const bytes = Buffer.from(value, 'utf8')
    w.int16(bytes.length)
    w.bytes(bytes)
  },
}

export const nullableString: Codec<string | null> = {
  read(r) {
    if (!r.flexible) return classicNullableString.read(r)
    const length = r.uvarint() - 1
    return length < 0 ? null : r.bytes(length).toString('utf8')
  },
  write(w, value) {
    if (!w.flexible) return classicNullableString.write(w, value)
    if (value === null) return w.uvarint(0)
    const bytes = Buffer.from(value, 'utf8')
    w.uvarint(bytes.length + 1)
    w.bytes(bytes)
  },
}

export const string: Codec<string> = {
  read(r) {
    const value = nullableString.read(r)
    if (value === null) throw new MalformedFrame('null where a string is required')
    return value
  },
  write: (w, value) => nullableString.write(w, value),
}

export const nullableBytes: Codec<Buffer | null> = {
  read(r) {
    const length = r.flexible ? r.uvarint() - 1 : r.int32()
    return length < 0 ? null : r.bytes(length)
  },
  write(w, value) {
    if (w.flexible) w.uvarint(value === null ? 0 : value.length + 1)
    else w.int32(value === null ? -1 : value.length)
    if (value !== null) w.bytes(value)
  },
}

export const bytes: Codec<Buffer> = {
  read: (r) => nullableBytes.read(r) ?? Buffer.alloc(0),
  write: (w, value) => nullableBytes.write(w, value),
}

export function nullableArray<T>(item: Codec<T>): Codec<T[] | null> {
  return {
    read(r) {
      const count = r.flexible ? r.uvarint() - 1 : r.int32()
      if (count < 0) return null
      // An element takes a byte at least: a frame that claims more elements than it has bytes is garbage.
      if (count > r.remaining) throw new MalformedFrame(`array of ${count} in ${r.remaining} bytes`)
      const items: T[] = []
      for (let i = 0; i < count; i++) items.push(item.read(r))
      return items
    },
    write(w, value) {
      if (w.flexible) w.uvarint(value === null ? 0 : value.length + 1)
      else w.int32(value === null ? -1 : value.length)
      for (const element of value ?? []) item.write(w, element)
    },
  }
}

export function array<T>(item: Codec<T>): Codec<T[]> {
  const inner = nullableArray(item)
  return { read: (r) => inner.read(r) ?? [], write: (w, value) => inner.write(w, value) }
}

/** A field that exists from version `from` (to version `to`, inclusive); elsewhere it reads as `absent`. */
export function since<T>(from: number, codec: Codec<T>, absent: T, to = Number.POSITIVE_INFINITY): Codec<T> {
  return {
    read: (r) => (r.version >= from && r.version <= to ? codec.read(r) : absent),
    write(w, value) {
      if (w.version >= from && w.version <= to) codec.write(w, value)
    },
  }
}

/** A field that exists up to version `to`, inclusive. */
export function until<T>(to: number, codec: Codec<T>, absent: T): Codec<T> {
  return since(0, codec, absent, to)
}

/** Tagged fields are optional by definition; unknown ones are skipped, none are written. */
export const taggedFields: Codec<void> = {
  read(r) {
    for (let count = r.uvarint(); count > 0; count--) {
      r.uvarint()
      r.bytes(r.uvarint())
    }
  },
  write: (w) => w.uvarint(0),
}

type Fields = Record<string, Codec<unknown>>
export type Struct<F extends Fields> = { [K in keyof F]: Value<F[K]> }

export function struct<F extends Fields>(fields: F): Codec<Struct<F>> {
  const entries = Object.entries(fields)
  return {
    read(r) {
      const value: Record<string, unknown> = {}
      for (const [name, codec] of entries) value[name] = codec.read(r)
      if (r.flexible) taggedFields.read(r)
      return value as Struct<F>
    },
    write(w, value) {
      for (const [name, codec] of entries) codec.write(w, value[name])
      if (w.flexible) taggedFields.write(w, undefined)
    },
  }
}

/** One API: its key, the versions offered, the first flexible version, and both messages. */
export interface Api<Req, Res> {
  name: string
  key: number
  min: number
  max: number
  flexibleFrom: number
  request: Codec<Req>
  response: Codec<Res>
}

export function api<Req, Res>(definition: Api<Req, Res>): Api<Req, Res> {
  return definition
}

export type Request<A> = A extends Api<infer Req, unknown> ? Req : never
export type Response<A> = A extends Api<infer _Req, infer Res> ? Res : never
