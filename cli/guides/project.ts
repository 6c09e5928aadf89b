import { type Guides, WRONG_USAGE } from './guide.js'

export const PROJECT_GUIDES: Guides = {
  init: {
    behaviour:
      'Writes a small project that passes its own tests: config, SQL, tests, and a GitHub Actions workflow. The template says what it shows: a plain pipeline, one fed by Kafka, or one with functions in TypeScript.',
    sideEffects:
      'Files in the folder that is named, or the current one. Nothing is overwritten: a file that is there stops it before it begins.',
    recovery: 'Remove the files and run it again, or name an empty folder.',
    exitCodes: {
      0: 'written',
      1: 'a file is there already, or the folder cannot be written',
      2: WRONG_USAGE,
    },
  },
  'target list': {
    behaviour: 'Shows the targets of tpctl.config.ts; a star stands before the one that commands work on.',
    sideEffects: 'Nothing; asks no target.',
    recovery: 'Correct tpctl.config.ts.',
    exitCodes: { 0: 'shown', 1: 'the config is not right', 2: WRONG_USAGE },
  },
  'target use': {
    behaviour:
      'Remembers a target for the commands that follow. Stronger are --target and TPCTL_TARGET, in the environment or in .env. Without a name, what the config says holds again.',
    sideEffects: 'The file `target` in the state folder.',
    recovery: '`tpctl target use` without a name takes it back.',
    exitCodes: {
      0: 'remembered',
      1: 'the config is not right, or the folder cannot be written',
      2: WRONG_USAGE,
    },
  },
  'target check': {
    behaviour:
      'Asks each target what it is, with the login of the config, compares that with its edition, and its clock with this machine’s, and asks its brokers for the topics, with their login. A target without an edition is shown the one that its server tells. Passwords come from the environment, from .env, or from the command under secretCommands.',
    sideEffects: 'Nothing but the commands that tell secrets.',
    recovery: 'Every finding says what to do.',
    exitCodes: { 0: 'all well', 1: 'something does not answer, or is of another edition', 2: WRONG_USAGE },
  },
  codegen: {
    behaviour:
      'Creates the project on an engine of this process, asks it for the columns of each stream and view, and writes a TypeScript module: a type for the rows of each, one for what may be inserted, and a typed client.',
    sideEffects: 'The file of --out, or standard output. Needs no target.',
    recovery:
      'Run it after each change of the SQL; in CI, --check fails where the file is not what the project says.',
    exitCodes: {
      0: 'written, or as it should be',
      1: 'the project cannot be created, or with --check the file is out of date',
      2: WRONG_USAGE,
    },
  },
  completion: {
    behaviour:
      'Prints a script that completes commands, options and their values in a shell: source <(tpctl completion bash), source <(tpctl completion zsh), tpctl completion fish | source',
    sideEffects: 'Nothing.',
    recovery: 'Open a new shell, or source the script again after an upgrade.',
    exitCodes: { 0: 'printed', 2: WRONG_USAGE },
  },
  help: {
    behaviour:
      'Prints the guide of a command: what it does, what it changes, what to do when it fails, its exit codes and its options. Without a command, the list of all.',
    sideEffects: 'Nothing.',
    recovery: 'An unknown command is answered with the nearest one.',
    exitCodes: { 0: 'printed', 2: 'there is no such command' },
  },
}
