import { type Guides, UNREACHABLE, WRONG_USAGE } from './guide.js'

export const QUERY_GUIDES: Guides = {
  sql: {
    behaviour:
      'Runs statements: from -e, a file, standard input, or typed at a prompt. A streaming query runs until Ctrl-C, which ends the query and not the console. \\? lists the console’s own commands.',
    sideEffects: 'Those of the statements. The prompt keeps a history in the state folder.',
    recovery: 'A statement that fails is shown with its place; with -e and -f the ones after it are not run.',
    exitCodes: { 0: 'all statements worked', 1: 'one failed', 2: WRONG_USAGE, 4: UNREACHABLE },
  },
  tail: {
    behaviour:
      'Follows a stream or view and prints its rows as they come, from now on or from --since, until --limit or Ctrl-C.',
    sideEffects: 'Nothing; the query ends with the command.',
    recovery: 'Run it again; --since brings back what was missed.',
    exitCodes: { 0: 'ended by --limit or Ctrl-C', 1: 'the query failed', 2: WRONG_USAGE, 4: UNREACHABLE },
  },
  'udf list': {
    behaviour: 'Loads the project’s functions and shows name, kind and types of each. Needs no engine.',
    sideEffects: 'Nothing.',
    recovery: 'A module that cannot be loaded is an error with its file.',
    exitCodes: { 0: 'shown', 1: 'the project or its functions cannot be loaded', 2: WRONG_USAGE },
  },
  'udf render': {
    behaviour:
      'Prints the CREATE FUNCTION statements of all functions, or of one, as an edition takes them. Needs no engine.',
    sideEffects: 'Nothing. Secrets are hidden.',
    recovery: 'What an edition cannot do is an error that names the function.',
    exitCodes: { 0: 'printed', 1: 'a function is unknown or cannot be rendered', 2: WRONG_USAGE },
  },
  'udf serve': {
    behaviour:
      'Answers the engine’s calls of remote functions until Ctrl-C: in batches, one request upstream for each distinct key, within the provider’s rate, from the cache where it can. A key without an answer gets {"error": …}, never an HTTP error. With UDF_GATEWAY_KEY set, engines must send it.',
    sideEffects:
      'Listens on --host and --port; writes answers to the cache stream of the target; /healthz and /metrics.',
    recovery:
      'Start it again: the cache is in the stream, so nothing is paid for twice. Views that were waiting go on by themselves.',
    exitCodes: {
      0: 'ended by Ctrl-C',
      1: 'it cannot listen, or the project cannot be loaded',
      2: WRONG_USAGE,
    },
  },
}
