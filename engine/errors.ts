/**
 * Proton's error codes that the embedded engine answers with: code → name and HTTP status.
 * Source: recorded answers of a 1.6.1 server and its ErrorCodes table; statuses as its HTTP handler maps them.
 */
export const ERROR_CODES = {
  UNSUPPORTED_METHOD: [1, 500],
  CANNOT_PARSE_TEXT: [6, 400],
  NO_SUCH_COLUMN_IN_STREAM: [16, 500],
  CANNOT_PARSE_ESCAPE_SEQUENCE: [25, 400],
  CANNOT_PARSE_QUOTED_STRING: [26, 400],
  CANNOT_PARSE_INPUT_ASSERTION_FAILED: [27, 400],
  BAD_ARGUMENTS: [36, 500],
  CANNOT_PARSE_DATE: [38, 400],
  CANNOT_PARSE_DATETIME: [41, 400],
  NUMBER_OF_ARGUMENTS_DOESNT_MATCH: [42, 500],
  ILLEGAL_TYPE_OF_ARGUMENT: [43, 500],
  ILLEGAL_COLUMN: [44, 500],
  UNKNOWN_FUNCTION: [46, 404],
  UNKNOWN_IDENTIFIER: [47, 404],
  NOT_IMPLEMENTED: [48, 501],
  LOGICAL_ERROR: [49, 500],
  UNKNOWN_TYPE: [50, 404],
  EMPTY_LIST_OF_COLUMNS_QUERIED: [51, 500],
  TYPE_MISMATCH: [53, 400],
  STREAM_ALREADY_EXISTS: [57, 500],
  UNKNOWN_STREAM: [60, 404],
  SYNTAX_ERROR: [62, 400],
  UNKNOWN_AGGREGATE_FUNCTION: [63, 404],
  ARGUMENT_OUT_OF_BOUND: [69, 500],
  CANNOT_CONVERT_TYPE: [70, 500],
  CANNOT_PARSE_NUMBER: [72, 400],
  UNKNOWN_FORMAT: [73, 404],
  UNKNOWN_TYPE_OF_QUERY: [78, 404],
  INCORRECT_QUERY: [80, 500],
  UNKNOWN_DATABASE: [81, 404],
  DATABASE_ALREADY_EXISTS: [82, 500],
  UNKNOWN_SETTING: [115, 404],
  INCORRECT_DATA: [117, 400],
  TIMEOUT_EXCEEDED: [159, 500],
  ILLEGAL_TYPE_OF_COLUMN_FOR_FILTER: [59, 500],
  BAD_TYPE_OF_FIELD: [169, 500],
  ILLEGAL_AGGREGATION: [184, 500],
  NOT_AN_AGGREGATE: [215, 500],
  QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: [216, 500],
  MEMORY_LIMIT_EXCEEDED: [241, 500],
  INVALID_SETTING_VALUE: [471, 500],
  READONLY: [164, 500],
  NOT_ENOUGH_SPACE: [243, 507],
  CANNOT_PARSE_BOOL: [467, 500],
  QUERY_WAS_CANCELLED: [394, 500],
  INVALID_JOIN_ON_EXPRESSION: [403, 500],
  UNEXPECTED_EXPRESSION: [183, 500],
  FUNCTION_NOT_ALLOWED: [446, 500],
  UNKNOWN_QUERY_PARAMETER: [456, 500],
  BAD_QUERY_PARAMETER: [457, 500],
  UNKNOWN_USER: [192, 403],
  ACCESS_ENTITY_ALREADY_EXISTS: [493, 500],
  ACCESS_STORAGE_READONLY: [495, 500],
  ACCESS_DENIED: [497, 500],
  INVALID_GRANT: [509, 500],
  UNKNOWN_ROLE: [511, 500],
  SET_NON_GRANTED_ROLE: [512, 500],
  UNKNOWN_ROW_POLICY: [523, 500],
  AUTHENTICATION_FAILED: [516, 403],
  HAVE_DEPENDENT_OBJECTS: [630, 500],
  AGGREGATE_FUNCTION_THROW: [503, 500],
  UNSUPPORTED: [997, 500],
  UNKNOWN_EXCEPTION: [1002, 500],
  RESOURCE_NOT_FOUND: [2003, 500],
  RESOURCE_NOT_INITED: [2004, 500],
  INVALID_DATA: [2504, 500],
  WINDOW_COLUMN_NOT_REFERENCED: [2002, 500],
  REMOTE_CALL_FAILED: [2526, 500],
  RECOVER_CHECKPOINT_FAILED: [2528, 500],
  UDF_COMPILE_ERROR: [2530, 500],
  UDF_MEMORY_THRESHOLD_EXCEEDED: [2531, 500],
  UDF_INVALID_NAME: [2532, 500],
  UDF_INTERNAL_ERROR: [2533, 500],
  UDA_NOT_APPLICABLE: [2534, 500],
} as const satisfies Record<string, readonly [code: number, httpStatus: number]>

export type ErrorName = keyof typeof ERROR_CODES

/** The version that the engine reports, in errors too: the dialect it is measured by. */
export const PROTON_VERSION = '1.6.1'
/** The commit of Proton's source that has this version. */
export const PROTON_COMMIT = 'c8bc8317'

/** An error as Proton reports it. `message` is the sentence alone; `text()` is what the wire carries. */
export class EngineError extends Error {
  readonly code: number
  readonly errorName: string
  readonly httpStatus: number

  constructor(name: ErrorName, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.name = 'EngineError'
    this.errorName = name
    this.code = ERROR_CODES[name][0]
    this.httpStatus = ERROR_CODES[name][1]
  }

  /** `Code: 60. DB::Exception: Stream default.nope doesn't exist. (UNKNOWN_STREAM) (version 1.6.1)` */
  text(): string {
    return `Code: ${this.code}. DB::Exception: ${this.message.replace(/\.?$/, '.')} (${this.errorName}) (version ${PROTON_VERSION})`
  }

  /** An error with a code that the table above does not name (passed through from the store). */
  static withCode(code: number, errorName: string, message: string, cause?: unknown): EngineError {
    const known = Object.entries(ERROR_CODES).find(([, [c]]) => c === code)
    const error = new EngineError((known?.[0] ?? 'UNKNOWN_EXCEPTION') as ErrorName, message, { cause })
    if (!known) Object.assign(error, { code, errorName })
    return error
  }
}
