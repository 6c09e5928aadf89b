/** Configuration of the store, as XML. */

/** The scripts that start a child, by what the child may do. */
export type Launcher = 'javascript' | 'remote'

export interface PublishedFunction {
  name: string
  launcher: Launcher
  args: { name: string; type: string }[]
  returns: string
  readTimeoutMs: number
  processes: number
}

/** How long a statement waits for a free process of a function, in seconds. */
const POOL_WAIT_S = 60

/** Parts that were merged into a larger one stay so long, in seconds: the folder is to be as large as what is in it. */
const MERGED_PARTS_S = 60

export function storeConfigXml(scriptsDir: string, functionsDir: string): string {
  return (
    `  <user_scripts_path>${escapeXml(scriptsDir)}/</user_scripts_path>\n` +
    `  <user_defined_executable_functions_config>${escapeXml(functionsDir)}/*.xml</user_defined_executable_functions_config>\n` +
    `  <merge_tree><old_parts_lifetime>${MERGED_PARTS_S}</old_parts_lifetime></merge_tree>\n`
  )
}

/** One `executable_pool` function: blocks in RowBinary with a row count before each; what stderr says is the error. */
export function publicationXml(fn: PublishedFunction): string {
  const elements: [string, string | number][] = [
    ['type', 'executable_pool'],
    ['name', fn.name],
    ['return_type', fn.returns],
    ['return_name', 'result'],
    ['format', 'RowBinary'],
    ['command', `${fn.launcher} ${fn.name}`],
    ['execute_direct', 1],
    ['send_chunk_header', 1],
    ['pool_size', fn.processes],
    ['stderr_reaction', 'throw'],
    ['check_exit_code', 1],
    ['command_read_timeout', fn.readTimeoutMs],
    ['command_write_timeout', fn.readTimeoutMs],
    ['command_termination_timeout', 1],
    ['max_command_execution_time', POOL_WAIT_S],
  ]
  const args = fn.args.map(
    (arg) =>
      `    <argument><type>${escapeXml(arg.type)}</type><name>${escapeXml(arg.name)}</name></argument>\n`,
  )
  return (
    `<functions>\n  <function>\n` +
    elements.map(([name, value]) => `    <${name}>${escapeXml(String(value))}</${name}>\n`).join('') +
    args.join('') +
    `  </function>\n</functions>\n`
  )
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
