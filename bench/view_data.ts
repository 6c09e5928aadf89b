/** The rows that views are measured on, as SELECT lists over `numbers()`: the same for the engine and by hand. */

/** v, k, ts, x: ten thousand rows per second of their time. */
export const ROW =
  "number AS v, concat('key ', toString(number % 1000)) AS k, toDateTime64('2026-01-01 00:00:00.000', 3) + toIntervalMillisecond(intDiv(number, 10)) AS ts, number / 7 AS x"

/** The address of token `number`. */
export const ADDRESS = 'hex(MD5(toString(number)))'

/** The address in message `number`: of one of the tokens, mostly. */
export const MESSAGE_ADDRESS = (tokens: number) =>
  `hex(MD5(toString(cityHash64(number) % ${Math.round(tokens * 1.1)})))`
