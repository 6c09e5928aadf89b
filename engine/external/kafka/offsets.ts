import type { Admin } from 'kafkajs'
import { EngineError } from '../../errors.js'

/** First and next offset of each partition, by partition number. */
export interface PartitionRange {
  partition: number
  low: number
  high: number
}

export async function partitionRanges(admin: Admin, topic: string): Promise<PartitionRange[]> {
  const offsets = await admin.fetchTopicOffsets(topic)
  return offsets
    .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
    .sort((a, b) => a.partition - b.partition)
}

/**
 * Where to start in each partition for `seek_to`: `latest`, `earliest`, a list of offsets (one per partition), a
 * timestamp (`2026-01-02 03:04:05.678`, UTC) or a time ago (`-2h`). Throws EngineError 36 for anything else.
 */
export async function startOffsets(
  admin: Admin,
  topic: string,
  seekTo: string,
  now = Date.now(),
): Promise<Map<number, number>> {
  const ranges = await partitionRanges(admin, topic)
  const text = seekTo.trim().toLowerCase()
  if (text === 'latest' || text === '') return new Map(ranges.map((r) => [r.partition, r.high]))
  if (text === 'earliest') return new Map(ranges.map((r) => [r.partition, r.low]))
  if (/^\d+(\s*,\s*\d+)*$/.test(text)) {
    const offsets = text.split(',').map(Number)
    if (offsets.length !== ranges.length) {
      throw new EngineError(
        'BAD_ARGUMENTS',
        `seek_to gives ${offsets.length} offsets, but topic ${topic} has ${ranges.length} partitions`,
      )
    }
    // As any Kafka consumer: before the first message is the first one, behind the end is the end.
    return new Map(ranges.map((r, i) => [r.partition, Math.min(Math.max(offsets[i]!, r.low), r.high)]))
  }
  const timestamp = seekTimestamp(text, now)
  const found = await admin.fetchTopicOffsetsByTimestamp(topic, timestamp)
  const byPartition = new Map(found.map(({ partition, offset }) => [partition, Number(offset)]))
  // A partition without a message that late starts at its end.
  return new Map(
    ranges.map((r) => {
      const offset = byPartition.get(r.partition) ?? -1
      return [r.partition, offset < 0 ? r.high : offset]
    }),
  )
}

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** Milliseconds since the epoch of `-2h` or of a UTC timestamp. */
export function seekTimestamp(text: string, now: number): number {
  const ago = /^-(\d+)(ms|s|m|h|d|w)$/.exec(text)
  if (ago) return now - Number(ago[1]) * UNIT_MS[ago[2]!]!
  const iso = text.replace(' ', 'T')
  const parsed = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(iso) ? iso : `${iso}Z`)
  if (Number.isNaN(parsed)) throw new EngineError('BAD_ARGUMENTS', `Invalid seek_to '${text}'`)
  return parsed
}
