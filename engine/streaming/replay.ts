import { quoteIdentifier, quoteString } from '../chdb/pool.js'
import type { StreamObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import type { SavedState } from './operator.js'
import type { Pipe } from './pipe.js'

/** Stored rows that are looked at at once, for the bounds of their chunks. */
const LOOK_AHEAD = 10_000

/**
 * Later than this a chunk is not caught up with: the pause counts from when it went, as in Proton, so that it is as long as
 * it was. What a chunk needs on its way every time is less, and would add up. In ms.
 */
const MAX_LATE_MS = 10

/** Rows of one time. */
interface Chunk {
  from: number
  to: number
  /** ms since the epoch; undefined: none of the rows is shown. */
  time: number | undefined
}

/**
 * The past of a stream as it came about: the rows of one time together, and between two times a pause as long as
 * they are apart, divided by the speed (`replay_speed`). Behind the rows that stood when the query started the
 * present begins, or the end where the replay has one.
 */
export class Replay {
  /** Of the chunk that went last. */
  #time: number | undefined
  /** Wall clock of when it was due. */
  #at: number
  #chunks: Chunk[] = []

  private constructor(
    readonly pipe: Pipe,
    readonly stream: StreamObject,
    readonly speed: number,
    /** The time of a row, as the store's SQL. */
    readonly at: string,
    /** The last row of the past. */
    readonly until: number,
    /** The query ends with the past. */
    readonly ends: boolean,
    /** Condition on the rows that are replayed. */
    readonly filter: string | undefined,
  ) {
    this.#at = pipe.clock.now()
  }

  /** Undefined where the settings ask for none. */
  static of(pipe: Pipe, stream: StreamObject, settings: Record<string, string>): Replay | undefined {
    const speed = Number(settings.replay_speed ?? 0)
    if (Number.isNaN(speed)) {
      throw new EngineError(
        'BAD_ARGUMENTS',
        `Setting replay_speed must be a number, not '${settings.replay_speed}'`,
      )
    }
    if (speed <= 0) return undefined
    if (stream.mode !== 'append') throw refusedReplay()
    const name = settings.replay_time_column ?? '_tp_append_time'
    const column = stream.columns.find((c) => c.name === name)
    if (!column && name !== '_tp_append_time') {
      throw new EngineError('INVALID_SETTING_VALUE', `Not found replay column ${name} in stream`)
    }
    if (column && !column.type.startsWith('datetime')) {
      throw new EngineError(
        'INVALID_SETTING_VALUE',
        `The setting replay_time_column must be DateTime64 or DateTime32 type, but got ${column.type}`,
      )
    }
    const at = `__t.${quoteIdentifier(name)}`
    const bound = (setting: string, op: string) =>
      settings[setting] ? [`${at} ${op} ${timeLiteral(settings[setting])}`] : []
    const filter = [...bound('replay_start_time', '>='), ...bound('replay_end_time', '<=')]
    return new Replay(
      pipe,
      stream,
      speed,
      at,
      pipe.deps.store.lastSn(stream),
      Boolean(settings.replay_end_time),
      filter.length === 0 ? undefined : filter.join(' AND '),
    )
  }

  /** The rows that come next after a position, and when; undefined where the past is over. */
  async next(position: number): Promise<{ to: number; time: number | undefined; due: number } | undefined> {
    if (position >= this.until) return undefined
    while (this.#chunks[0] && this.#chunks[0].to <= position) this.#chunks.shift()
    if (!this.#chunks[0] || this.#chunks[0].from > position) this.#chunks = await this.#look(position)
    const { to, time } = this.#chunks[0]!
    if (time === undefined || this.#time === undefined) return { to, time, due: this.pipe.clock.now() }
    if (time < this.#time) {
      throw new EngineError('LOGICAL_ERROR', `Found unordered replay timestamp: ${time} after ${this.#time}`)
    }
    return { to, time, due: this.#at + (time - this.#time) / this.speed }
  }

  /** A chunk went. */
  passed(time: number, due: number): void {
    const now = this.pipe.clock.now()
    // The first one takes longer than those that follow.
    this.#at = this.#time === undefined || now - due > MAX_LATE_MS ? now : due
    this.#time = time
  }

  save(): SavedState {
    return { time: this.#time }
  }

  load(state: SavedState | undefined): void {
    this.#time = state?.time as number | undefined
  }

  async #look(position: number): Promise<Chunk[]> {
    const end = Math.min(this.until, position + LOOK_AHEAD)
    const slice = this.pipe.deps.store.slice(this.stream, position, end, {
      show: ['__t._tp_sn AS sn', `toUnixTimestamp64Micro(CAST(${this.at}, 'DateTime64(6)')) AS micros`],
      where: this.filter === undefined ? [] : [this.filter],
      ordered: true,
    })
    const rows = await this.pipe.deps.chdb.rows<[string, string]>(`SELECT sn, micros FROM ${slice.sql}`)
    const chunks: Chunk[] = []
    for (const [sn, micros] of rows) {
      const time = Number(micros) / 1000
      const last = chunks.at(-1)
      if (last?.time === time) last.to = Number(sn)
      else chunks.push({ from: last?.to ?? position, to: Number(sn), time })
    }
    const last = chunks.at(-1)
    if (last) last.to = end
    return last ? chunks : [{ from: position, to: end, time: undefined }]
  }
}

export function refusedReplay(): EngineError {
  return new EngineError('NOT_IMPLEMENTED', 'Replay Stream is only support append-only stream')
}

function timeLiteral(text: string): string {
  return `parseDateTime64BestEffort(${quoteString(text)}, 6, 'UTC')`
}
