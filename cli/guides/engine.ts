import { type Guides, UNREACHABLE, WRONG_USAGE } from './guide.js'

export const ENGINE_GUIDES: Guides = {
  demo: {
    behaviour:
      'Starts the embedded engine and the UDF gateway on free ports, deploys the flagship of this package, feeds three recorded token lists over HTTP and recorded scans over the Kafka protocol, waits until the last view has processed them, and prints counts and the newest signals. No network and no key are needed.',
    sideEffects:
      'Writes to .tpctl/demo (or --state). The engine is stopped and the folder removed at the end, unless --keep is given.',
    recovery:
      'Run it again: each run begins anew. After --keep, stop the engine with `tpctl down --state .tpctl/demo`.',
    exitCodes: {
      0: 'the pipeline has processed everything',
      1: 'a step failed, or the pipeline stood still for 75 s',
      2: WRONG_USAGE,
      4: UNREACHABLE,
    },
  },
  up: {
    behaviour:
      'Starts the embedded engine and the UDF gateway as processes of their own and waits until both answer. Where they run already, it says so and changes nothing. A folder keeps the ports that it was given once. Where the target’s `kafka` says so, the broker asks for a login and speaks TLS (docs/targets.md). With --edition oss-1.6 the engine stands in for Proton 1.6: statements of later editions are refused as there, and the user default has the database default only; point a target of that edition at it. The next `up` without it speaks the engine’s own language again.',
    sideEffects:
      'Two background processes; data, logs and addresses in the state folder (.tpctl). All ports are on loopback.',
    recovery:
      'Logs are in .tpctl/logs (`tpctl logs`). A taken port is an error that names it: choose others, or 0 for free ones. An engine that runs as another edition is an error too: `tpctl down` first. After a crash or kill -9 the next `up` goes on where the engine stopped.',
    exitCodes: { 0: 'both are up', 1: 'one of them did not start', 2: WRONG_USAGE },
  },
  down: {
    behaviour:
      'Ends running queries, saves the state of views, and stops engine and gateway. Where nothing runs it does nothing.',
    sideEffects:
      'The processes end; data stays. --purge deletes the state folder’s data: streams, topics, ledger.',
    recovery:
      '`tpctl up` starts them again with everything as it was. What --purge deleted is gone, but for backups.',
    exitCodes: { 0: 'nothing runs any more', 1: 'a process did not end', 2: WRONG_USAGE },
  },
  status: {
    behaviour:
      'Looks at the target twice, a second apart, and shows rows and rows per second of each stream, state, lag and last error of each view, what the runners of tasks and alerts outside of the target wrote down, and the pipeline as a graph. --watch repeats that until Ctrl-C.',
    sideEffects: 'Nothing.',
    recovery:
      'A view that is `retrying` goes on by itself once the cause is gone; its last error is shown in full.',
    exitCodes: { 0: 'shown', 1: 'the target refused the questions', 2: WRONG_USAGE, 4: UNREACHABLE },
  },
  logs: {
    behaviour:
      'Prints the last lines that a process of this machine logged, laid out for people; --follow goes on until Ctrl-C, --level leaves out what is less serious.',
    sideEffects: 'Nothing.',
    recovery: 'Where there is no log yet, the process was never started here: `tpctl up`.',
    exitCodes: { 0: 'shown', 1: 'there is no such log', 2: WRONG_USAGE },
  },
  doctor: {
    behaviour:
      'Checks one after the other what a deployment needs: Node, disk, ports, the target and its version, broker, topics, keys, clock. Every check that fails names its fix.',
    sideEffects: 'Nothing.',
    recovery: 'Do what the checks say and run it again. Warnings do not stop a deployment.',
    exitCodes: { 0: 'no check failed', 1: 'a check failed', 2: WRONG_USAGE },
  },
  backup: {
    behaviour:
      'Stops the embedded engine, packs its data into one tar.gz, and starts it again where it ran before.',
    sideEffects: 'The file; the engine answers nothing meanwhile. Feeders wait or fail and can be repeated.',
    recovery: 'An interrupted backup leaves no file behind. If the engine does not come back: `tpctl up`.',
    exitCodes: { 0: 'the file is complete', 1: 'it could not be written', 2: WRONG_USAGE },
  },
  restore: {
    behaviour:
      'Checks the backup and puts it in the place of the embedded engine’s data. The engine must not run.',
    sideEffects:
      'The data that was there is moved aside, not deleted. Where there is data, --force is needed.',
    recovery: 'The folder that was moved aside is named in the answer: move it back to undo the restore.',
    exitCodes: {
      0: 'the data of the backup is in place',
      1: 'the backup is damaged, or the engine runs',
      2: WRONG_USAGE,
    },
  },
}
