import { ACCESS } from './access.js'
import type { ChangeCase } from './case.js'
import { EXTERNAL } from './external.js'
import { FUNCTIONS } from './functions.js'
import { OTHERS } from './others.js'
import { STREAMS } from './streams.js'
import { VIEWS } from './views.js'

/** Changes of every kind of object, and what they mean on each edition. */
export const CHANGES: ChangeCase[] = [...STREAMS, ...EXTERNAL, ...VIEWS, ...FUNCTIONS, ...OTHERS, ...ACCESS]
