import type { Action, How, ObjectKey, Risk, Strategy } from '../model.js'

/** What is to be done about one object. */
export interface Verdict {
  action: Action
  how?: How
  risk: Risk
  reason: string
  drift?: boolean
  /** With drift: what the engine showed after the last apply, and shows now. */
  known?: string
  found?: string
  /** To be run on the object as it is, instead of dropping and creating it. */
  statements?: string[]
  /** Nothing to do but to write down what is there. */
  record?: boolean
  /** How its rows and its place in its sources are carried over. */
  strategy?: Strategy
  /** Views that are made anew because this one is replaced. */
  followedBy?: ObjectKey[]
}
