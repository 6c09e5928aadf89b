/** Name of the column in which an append numbers its rows. */
export const ROW_NUMBER = '__tp_sn'
