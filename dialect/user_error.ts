/** What went wrong, for a person: rendered by the command line, serialised by `--json`. */
export interface UserErrorFields {
  /** More about the cause: an excerpt with a caret, an upstream answer. Never a secret. */
  detail?: string
  /** What to do next, as one sentence or command. */
  suggestion?: string
  /** `file:line:column` or another place the reader can go to. */
  where?: string
  cause?: unknown
}

/** An error whose text is meant for the user. `code` is stable and upper snake case, e.g. `PROJECT_CYCLE`. */
export class UserError extends Error {
  readonly code: string
  readonly detail?: string
  readonly suggestion?: string
  readonly where?: string

  constructor(code: string, message: string, fields: UserErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = 'UserError'
    this.code = code
    this.detail = fields.detail
    this.suggestion = fields.suggestion
    this.where = fields.where
  }
}
