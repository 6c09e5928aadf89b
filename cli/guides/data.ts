import { type Guides, UNREACHABLE, WRONG_USAGE } from './guide.js'

export const DATA_GUIDES: Guides = {
  'feed-tokens': {
    behaviour:
      'Reads a token list from Jupiter, a URL or a file, in any of its shapes, compares it with what the stream holds, and writes what is new or changed. With --full, tokens that are missing have left the list. --watch repeats it.',
    sideEffects:
      'Rows in the raw stream of the list. Records that are refused go to .tpctl/rejects, each with its line and reason.',
    recovery:
      'Run it again at any time: newer rows win, unchanged ones are not written. Ctrl-C finishes the batch in flight.',
    exitCodes: { 0: 'the list is in', 1: 'the source or the target failed', 2: WRONG_USAGE, 4: UNREACHABLE },
  },
  'feed-trending': {
    behaviour:
      'Sends scans of trending tokens to the topic: asks every five minutes, or replays recorded ones, as fast as they came or faster.',
    sideEffects: 'Messages in the topic, keyed by address.',
    recovery:
      'Ctrl-C finishes the scan in flight. A replay that is repeated sends its messages again: a topic is a log and keeps both.',
    exitCodes: { 0: 'sent', 1: 'the source or the broker failed', 2: WRONG_USAGE, 4: UNREACHABLE },
  },
  'run-tasks': {
    behaviour:
      'Runs the tasks of the project from outside of a target that has none (Proton 1.6), until Ctrl-C; with --once, those that are due. SCHEDULE is an interval, counted from the first run, or five fields of cron in quotes, in UTC. A run asks its query, keeps the answer in a file, and inserts it; runs of one task never overlap, and those that were due while no runner ran are made up for by one. A run that fails or exceeds its TIMEOUT is tried again after 1, 5, 25 s …, --retries times, then counts as failed until the next is due. A target that is away is waited for. --json prints a line for each run; --metrics-port serves counts, rows and durations.',
    sideEffects:
      'Rows in the target streams. Checkpoints in `outside/<target>/tasks` of the state folder: keep it between calls. One runner of a target at a time.',
    recovery:
      'Run it again, also after kill -9: that a run begins is written down before it does. The same run goes on, with the same rows under the same idempotent id, which the target takes once as long as it remembers the id (the last 1,000 of a stream); external targets take them at least once. Ctrl-C finishes the run in hand.',
    exitCodes: {
      0: 'stopped in order; with --once: everything that was due is done',
      1: 'with --once: a run failed; or another runner works for the target, or it runs its tasks by itself',
      2: WRONG_USAGE,
      4: 'with --once: the target cannot be reached; without, it is waited for',
    },
  },
  'run-alerts': {
    behaviour:
      'Runs the alerts of the project from outside of a target that has none (Proton 1.6), until Ctrl-C; with --once, for what is there. Subscribes to the query of each alert, gathers its events as BATCH says, keeps to LIMIT, and calls its function: a JavaScript function runs here, behind the same walls as in the embedded engine (its results are in the lines of --json); a REMOTE FUNCTION is called over HTTP with its auth header. A call that fails is repeated after 1, 5, 25 s …, --retries times; then its events become a dead letter, see `tpctl dlq`. A target that is away is waited for.',
    sideEffects:
      'Whatever the functions do. Checkpoints in `outside/<target>/alerts` of the state folder, dead letters in `dead_letters` beside it: keep it between calls. One runner of a target at a time.',
    recovery:
      "Run it again, also after kill -9: it goes on behind the last batch that was taken, suppressed or kept as a dead letter, so each event is delivered at least once; the batch in hand may be delivered twice. The first time it begins at the end of the stream, or at its beginning with seek_to = 'earliest'. Events are lost only if the stream drops them from its log before they are read.",
    exitCodes: {
      0: 'stopped in order; with --once: everything that was there is delivered, or waits for a full batch',
      1: 'with --once: events became a dead letter; or another runner works for the target, or it runs its alerts by itself',
      2: WRONG_USAGE,
      4: 'with --once: the target cannot be reached; without, it is waited for',
    },
  },
  'dlq list': {
    behaviour:
      'Counts the messages and rows that the pipeline refused, by source, with the newest error of each. The embedded engine keeps those of its external streams and views; for Proton 1.6 these are the events that `tpctl run-alerts` could not deliver, out of the state folder.',
    sideEffects: 'Nothing.',
    recovery: '`tpctl dlq show` has the texts; correct what sent them, then `tpctl dlq replay`.',
    exitCodes: { 0: 'shown', 1: 'the target keeps none, or refused', 2: WRONG_USAGE, 4: UNREACHABLE },
  },
  'dlq show': {
    behaviour: 'Prints dead letters, oldest first, each with topic, partition, offset, error and text.',
    sideEffects: 'Nothing.',
    recovery: 'Narrow it down with --source, --topic, --partition and --offset.',
    exitCodes: { 0: 'shown', 1: 'the target keeps none, or refused', 2: WRONG_USAGE, 4: UNREACHABLE },
  },
  'dlq replay': {
    behaviour:
      'Sends the chosen dead letters to their topic once more, or calls the function of their alert again, or inserts them into a stream as JSON with --into, and takes away those that got through.',
    sideEffects: 'New messages or rows; dead letters fewer by what got through.',
    recovery:
      'What is refused again stays a dead letter. Stopped half-way, run it again: what is through is gone from the list.',
    exitCodes: {
      0: 'tried: what was refused again is told, and kept',
      1: 'the target or the broker refused the whole',
      2: WRONG_USAGE,
      4: UNREACHABLE,
    },
  },
  'dlq drop': {
    behaviour: 'Takes the chosen dead letters away.',
    sideEffects:
      'Their texts are gone for good; the messages stay in their topic as long as that keeps them.',
    recovery: 'None: look with `tpctl dlq show` first.',
    exitCodes: { 0: 'taken away', 1: 'the target refused', 2: WRONG_USAGE, 4: UNREACHABLE },
  },
  pause: {
    behaviour:
      'Stops materialized views where they are, all of the project or those that are named. They keep their state.',
    sideEffects:
      'Their targets get no new rows until `tpctl resume`. Sources keep what is to be read, as long as their retention lasts.',
    recovery: '`tpctl resume` lets them go on; they miss nothing.',
    exitCodes: { 0: 'paused', 1: 'a view is unknown, or the edition cannot', 2: WRONG_USAGE, 4: UNREACHABLE },
  },
  resume: {
    behaviour: 'Lets paused materialized views go on where they stopped.',
    sideEffects: 'They work through what came in meanwhile.',
    recovery: '`tpctl status` shows their lag going down.',
    exitCodes: {
      0: 'running',
      1: 'a view is unknown, or the edition cannot',
      2: WRONG_USAGE,
      4: UNREACHABLE,
    },
  },
}
