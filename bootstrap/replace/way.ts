/**
 * How a materialized view gets its new definition. `modify`: ALTER VIEW. `handover`: it is dropped, and the new one
 * goes on at the same row. `rebuild`: a new one is made beside it, computes everything anew and takes its name.
 * `overwrite`: it is dropped, and the new one reads everything that its sources still hold; its rows replace those of
 * their keys. `restart`: it is dropped and made anew, and begins where its SQL says.
 */
export const WAYS = ['modify', 'handover', 'rebuild', 'overwrite', 'restart'] as const
export type Way = (typeof WAYS)[number]
