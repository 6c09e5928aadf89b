import { type Guides, UNREACHABLE, WRONG_USAGE } from './guide.js'

const LOST = 'a statement was refused, or something would be lost and --allow-destructive is missing'

export const DEPLOYMENT_GUIDES: Guides = {
  plan: {
    behaviour:
      'Compiles the project for the target, compares it with what the target holds and with the ledger, and shows for each object what would be done, how and why, with the difference in SQL; then what lint finds. --out writes the plan to a file that `tpctl apply` carries out.',
    sideEffects: 'Nothing in the target. With --out, a file.',
    recovery:
      'A project that does not compile is an error with file, line and column: correct it and plan again.',
    exitCodes: {
      0: 'shown',
      1: 'the project does not compile, or the target refused the questions',
      2: WRONG_USAGE,
      3: 'with --detailed-exitcode: there is something to do',
      4: UNREACHABLE,
    },
  },
  bootstrap: {
    behaviour:
      'Creates missing topics, plans, and carries the plan out in order; each step is read back before the next begins. Views and streams are replaced without losing or doubling a row where the edition can (docs/replacing.md): a new version takes over when it is at most --max-lag rows behind, and the old one is kept for --keep. The embedded engine is started if it does not run. A second time there is nothing to do. --install first fetches, verifies and starts the server of the target on this machine.',
    sideEffects:
      'Objects in the target, topics at the broker, and the stream tpctl_ledger that remembers what was applied. Rows or the state of views are lost only with --allow-destructive; changes that somebody else made are undone only with --overwrite-drift, and kept with --adopt.',
    recovery:
      'Stopped at any point, run it again: what is done is not repeated. `tpctl status` and `tpctl plan` say what is half done, `tpctl rollback` undoes it. A statement that the engine refuses is named with its file; what was done before it stays.',
    exitCodes: { 0: 'the target is as the project says', 1: LOST, 2: WRONG_USAGE, 4: UNREACHABLE },
  },
  apply: {
    behaviour:
      'Carries out a plan that `tpctl plan --out` wrote. Before that it plans again: where project or target have changed since, it refuses.',
    sideEffects: 'Those of bootstrap, exactly as the plan shows them.',
    recovery:
      'Stopped half-way, the plan is outgrown: make a new one with `tpctl plan --out` and apply that. What is done is not repeated.',
    exitCodes: {
      0: 'carried out, or nothing to do',
      1: `${LOST}; or the plan is outgrown`,
      2: WRONG_USAGE,
      4: UNREACHABLE,
    },
  },
  rollback: {
    behaviour:
      'Plans towards what was deployed before the last bootstrap or apply and carries that out, in the same ways as any deployment; what an interrupted one began is undone. Versions that were kept take their names again once they have read what came meanwhile (--max-lag). --dry-run only shows it. A second time does the undone deployment again.',
    sideEffects:
      'Those of bootstrap. The project is not touched, so that the next plan shows it ahead of the target. Columns that were added to a stream stay.',
    recovery:
      'Stopped at any point, run it or `tpctl bootstrap`. A former definition with a secret comes from the project only: check its former state out and deploy that.',
    exitCodes: {
      0: 'the target is as before',
      1: `${LOST}; or nothing was deployed, or a secret is needed`,
      2: WRONG_USAGE,
      4: UNREACHABLE,
    },
  },
  adopt: {
    behaviour:
      'Writes down what the target holds now as known, for all objects that somebody else changed or for those that are named.',
    sideEffects:
      'Entries in the ledger; no object is touched. What the project says otherwise shows as a change in the next plan.',
    recovery: 'To undo it, deploy: `tpctl bootstrap` makes the target what the project says.',
    exitCodes: {
      0: 'written down',
      1: 'a name is unknown, or the target refused',
      2: WRONG_USAGE,
      4: UNREACHABLE,
    },
  },
  render: {
    behaviour:
      'Compiles the project for an edition and prints it as one SQL script, with notes on what was changed for that edition. Needs no engine.',
    sideEffects:
      'Nothing, or the file of --out. Secrets are hidden unless --with-secrets is given; such a file is readable by its owner only.',
    recovery: 'What an edition cannot do is an error with its place and the nearest thing that works.',
    exitCodes: { 0: 'printed', 1: 'the project does not compile for this edition', 2: WRONG_USAGE },
  },
  destroy: {
    behaviour:
      'Drops, in the reverse order of their dependencies, the objects that the ledger says tpctl made; without --allow-destructive it only shows them.',
    sideEffects: 'Streams are dropped with their rows. Topics, and objects that tpctl did not make, stay.',
    recovery: 'Stopped half-way, run it again. Dropped rows are gone, but for backups.',
    exitCodes: {
      0: 'nothing of tpctl is left',
      1: 'consent is missing, or a drop was refused',
      2: WRONG_USAGE,
      4: UNREACHABLE,
    },
  },
  uninstall: {
    behaviour:
      'Stops the server that `bootstrap --install` started on this machine, and removes its binaries.',
    sideEffects: 'The server is gone; its data stays unless --purge is given.',
    recovery: '`tpctl bootstrap --install` brings it back, with the data that is there.',
    exitCodes: { 0: 'it is gone', 1: 'it could not be stopped or removed', 2: WRONG_USAGE },
  },
}
