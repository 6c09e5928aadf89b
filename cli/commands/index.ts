import type { Command } from 'commander'
import { registerDown } from './down.js'
import { registerSmoke } from './smoke.js'
import { registerSql } from './sql.js'
import { registerTail } from './tail.js'
import { registerUp } from './up.js'

/** In the order in which help shows them. */
export const COMMANDS: ((program: Command) => void)[] = [
  registerUp,
  registerDown,
  registerSql,
  registerTail,
  registerSmoke,
]
