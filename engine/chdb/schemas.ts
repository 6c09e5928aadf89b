import { existsSync, mkdirSync, rmSync } from 'node:fs'
import type { ChdbSession } from './module.js'

/** Reads a message of a schema of its own. */
const FIRST_SCHEMA =
  "SELECT * FROM format(ProtobufSingle, 'a Int32', '\\x08\\x01') SETTINGS format_schema_source = 'string', " +
  `format_schema = 'syntax = "proto3"; message First { int32 a = 1; }', format_schema_message_name = 'First'`

let settledIn: string | undefined

/**
 * The store writes each Protobuf schema that it is given into a file below the folder in which the process was when
 * it read the first one, whatever its configuration says. So it reads one here, in a folder of its own, at once: no
 * other code of the process sees that folder. Later engines of the process share it.
 */
export function settleSchemas(session: ChdbSession, dir: string): void {
  if (settledIn !== undefined) {
    keep(settledIn)
    return
  }
  const before = process.cwd()
  process.chdir(dir)
  try {
    session.query(FIRST_SCHEMA, 'Null')
    settledIn = process.cwd()
  } finally {
    process.chdir(before)
  }
}

/** The folder of an engine before may be gone; the store makes files in it, and not the folder. */
function keep(folder: string): void {
  if (existsSync(folder)) return
  const made = mkdirSync(folder, { recursive: true })
  process.once('exit', () => made !== undefined && rmSync(made, { recursive: true, force: true }))
}
