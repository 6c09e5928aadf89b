import { type CreateStream, type Expr, visit } from '../../../dialect/index.js'
import { settingText } from '../relations.js'
import type { Found, LintObject, Rule } from '../rule.js'

export const retentionExceedsDisk: Rule = {
  code: 'RETENTION_EXCEEDS_DISK',
  severity: 'error',
  title: 'a retention that is larger than the disk',
  why: 'Timeplus refuses reads and writes once the disk is more than 90 % full. A log that may grow beyond the disk, or a TTL that keeps more than fits, is no limit at all.',
  fix: 'Lower logstore_retention_bytes or the TTL, or use a larger disk. What a stream takes in is said by a comment before it: -- @volume 40 GB/day.',
  failing: {
    sql: `-- @volume 40 GB/day
CREATE STREAM readings (device string, value float64) TTL to_datetime(_tp_time) + INTERVAL 30 DAY
SETTINGS logstore_retention_bytes = 2000000000000;`,
    diskBytes: 1_000_000_000_000,
  },
  passing: {
    sql: `-- @volume 40 GB/day
CREATE STREAM readings (device string, value float64) TTL to_datetime(_tp_time) + INTERVAL 7 DAY
SETTINGS logstore_retention_bytes = 20000000000;`,
    diskBytes: 1_000_000_000_000,
  },
  *check({ objects, diskBytes }) {
    if (diskBytes === undefined) return
    const usable = diskBytes * USABLE
    for (const object of objects) {
      if (object.statement.kind !== 'create_stream') continue
      yield* aboutLog(object, object.statement, usable)
      yield* aboutTtl(object, object.statement, usable)
    }
  },
}

/** Beyond this part of a disk Timeplus refuses to work. */
const USABLE = 0.9
const DAY_MS = 86_400_000

function* aboutLog(object: LintObject, { settings }: CreateStream, usable: number): Generator<Found> {
  const setting = settings.find(({ name }) => name === 'logstore_retention_bytes')
  const shards = Number(settingText(settings, 'shards') ?? 1)
  const bytes = Number(settingText(settings, 'logstore_retention_bytes') ?? -1) * shards
  if (setting && bytes > usable)
    yield {
      object,
      at: setting.value,
      message: `The log may take ${size(bytes)}, and ${size(usable)} of the disk can be used.`,
    }
}

const VOLUME = /--[ \t]*@volume[ \t]+([\d.]+)[ \t]*([KMGT]?)i?B[ \t]*\/[ \t]*(second|minute|hour|day)\b/i
const PREFIX: Record<string, number> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 }
const PER_DAY: Record<string, number> = { second: 86_400, minute: 1_440, hour: 24, day: 1 }

function* aboutTtl(object: LintObject, stream: CreateStream, usable: number): Generator<Found> {
  const volume = VOLUME.exec(object.head)
  const keptMs = ttlMs(stream)
  if (!volume || keptMs === undefined) return
  const perDay = Number(volume[1]) * PREFIX[volume[2]!.toLowerCase()]! * PER_DAY[volume[3]!.toLowerCase()]!
  const bytes = (perDay * keptMs) / DAY_MS
  if (bytes > usable)
    yield {
      object,
      at: stream.ttl?.[0]?.expr,
      message: `${size(bytes)} come together until rows expire, and ${size(usable)} of the disk can be used.`,
    }
}

const UNIT_MS: Record<string, number> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 30 * DAY_MS,
  quarter: 91 * DAY_MS,
  year: 365 * DAY_MS,
}

/** How long rows are kept, as far as that can be read from the TTL: the longest interval in it. */
function ttlMs({ ttl, settings }: CreateStream): number | undefined {
  const seconds = settingText(settings, 'ttl_seconds')
  if (seconds !== undefined) return Number(seconds) * 1_000
  const found: number[] = []
  visit(ttl ?? [], {
    expr: (node: Expr) => {
      if (node.kind === 'interval' && node.value.kind === 'literal' && node.value.type === 'number')
        found.push(Number(node.value.text) * (UNIT_MS[node.unit] ?? 0))
    },
  })
  return found.length === 0 ? undefined : Math.max(...found)
}

function size(bytes: number): string {
  const [unit, factor] = bytes >= 1e12 ? ['TB', 1e12] : bytes >= 1e9 ? ['GB', 1e9] : ['MB', 1e6]
  return `${(bytes / (factor as number)).toLocaleString('en-US', { maximumFractionDigits: 1 })} ${unit}`
}
