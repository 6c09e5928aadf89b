import type { OutsideAlert } from '../../bootstrap/outside.js'
import { UserError } from '../../dialect/user_error.js'
import { type FunctionCaller, openCaller } from '../../engine/udf/caller.js'
import type { outsideFolders } from './folders.js'

/** The functions of alerts, each called in a process of its own. */
export interface Calls {
  of(alert: OutsideAlert): { columns: string[]; call(rows: unknown[][]): Promise<unknown[]> }
  close(): Promise<void>
}

export async function openCalls(
  alerts: readonly OutsideAlert[],
  folders: Pick<ReturnType<typeof outsideFolders>, 'call'>,
): Promise<Calls> {
  const callers = new Map<string, FunctionCaller>()
  const close = async () => {
    for (const caller of callers.values()) await caller.close()
  }
  try {
    for (const { name, fn } of alerts) callers.set(name, await openCaller(fn, { dir: folders.call(name) }))
  } catch (error) {
    await close()
    throw error
  }
  return {
    of({ name, fn }) {
      const caller = callers.get(name)!
      const columns = fn.body.language === 'sql' ? [] : fn.body.args.map((arg) => arg.name)
      const call = async (rows: unknown[][]) => {
        const [first] = rows
        if (first && first.length !== caller.arity)
          throw new UserError(
            'ALERT_COLUMNS',
            `${fn.name.name} takes ${caller.arity} arguments, the query of ${name} gives ${first.length} columns.`,
          )
        return caller.call(rows)
      }
      return { columns, call }
    },
    close,
  }
}
